# cython: freethreading_compatible=True
"""Objects that get the bytes of others: values as they lay in shared memory, with their marks, never decoded."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from memlane import errors
from memlane._native.deadline cimport monotonic_ns
from memlane._native.error cimport check
from memlane._native.format cimport make_format
from memlane._native.library cimport *
from memlane._native.options cimport fill_object_options

# As long as a write waits for a slot (D3), or for the transaction of somebody else.
cdef uint64_t PATIENCE_NS = 1_000_000_000


cdef int fill_likeness(
    memlane_object_options* options, const char* directory, object participants, object persistent
) except -1:
    """Ask for an object like another one, made where there is none, and for this user alone."""
    return fill_object_options(options, directory, participants, persistent, 0o600, -1, True, None)


@cython.final
@cython.auto_pickle(False)
cdef class ValueReplica:
    """A variable or share, opened or made with the sizes of another one. Of one thread at a time."""

    cdef memlane_variable* handle  # of a share too, with all of which it ends

    def __cinit__(self):
        self.handle = NULL

    def __dealloc__(self):
        memlane_variable_free(self.handle)

    def open_variable(self, bytes name, bytes directory, *, size, slots, participants, encoding, persistent, layout):
        """Open or make a variable. layout: that of its struct, or None."""
        cdef memlane_variable_options options
        cdef memlane_format* format = NULL
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        self.check_unopened()
        memlane_variable_options_initialise(&options)
        fill_likeness(&options.object, directory, participants, persistent)
        options.max_size, options.slots, options.encoding = size, slots, encoding
        if layout is not None:
            format = make_format(layout, f"variable {name.decode('utf-8', 'replace')!r}")
            options.format = format
        with nogil:
            status = memlane_variable_open(&self.handle, text, length, &options, &error)
            memlane_format_free(format)
        check(status, &error)

    def open_share(self, bytes name, bytes directory, *, size, slots, participants, encoding, persistent):
        """Open or make a share."""
        cdef memlane_share_options options
        cdef memlane_share* share = NULL
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        self.check_unopened()
        memlane_share_options_initialise(&options)
        fill_likeness(&options.object, directory, participants, persistent)
        options.size, options.slots, options.encoding = size, slots, encoding
        with nogil:
            status = memlane_share_open(&share, text, length, &options, &error)
        check(status, &error)
        self.handle = memlane_share_variable(share)

    cdef int check_unopened(self) except -1:
        if self.handle != NULL:
            raise RuntimeError("a replica is opened once")
        return 0

    def write(self, bytes payload, uint32_t mark):
        """Write the bytes of a value under their mark; into a share they are put."""
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* start = payload
        cdef uint64_t size = len(payload)
        if self.handle == NULL:
            raise errors.Closed("this replica is not open")
        with nogil:
            status = memlane_variable_write(
                self.handle, start, size, mark, monotonic_ns() + PATIENCE_NS, &error
            )
        check(status, &error)

    def close(self):
        """Close the endpoint. May be called twice."""
        memlane_variable_free(self.handle)
        self.handle = NULL


@cython.final
@cython.auto_pickle(False)
cdef class RecordReplica:
    """A device buffer, opened or made with the schema of another one. Of one thread at a time."""

    cdef memlane_buffer* handle
    cdef uint64_t size

    def __cinit__(self):
        self.handle = NULL

    def __dealloc__(self):
        memlane_buffer_free(self.handle)

    def open(self, bytes name, bytes directory, *, size, participants, persistent, bytes schema):
        """Open or make a buffer."""
        cdef memlane_buffer_options options
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        if self.handle != NULL:
            raise RuntimeError("a replica is opened once")
        memlane_buffer_options_initialise(&options)
        fill_likeness(&options.object, directory, participants, persistent)
        options.size, options.schema, options.schema_length = size, schema, len(schema)
        with nogil:
            status = memlane_buffer_open(&self.handle, text, length, &options, &error)
        check(status, &error)
        self.size = size

    def write(self, bytes record):
        """Replace the record in one transaction. Its head says whether it is valid; the owner is this endpoint."""
        cdef memlane_error error
        cdef char* place
        if self.handle == NULL:
            raise errors.Closed("this replica is not open")
        if <uint64_t>len(record) != self.size:
            raise errors.Corrupted(f"a record of {len(record)} bytes for a buffer of {self.size}")
        place = <char*>self.begin()
        cdef char* source = PyBytes_AS_STRING(record)
        memcpy(place + MEMLANE_BUFFER_HEAD, source + MEMLANE_BUFFER_HEAD, self.size - MEMLANE_BUFFER_HEAD)
        cdef memlane_status status = memlane_buffer_set_valid(self.handle, source[0] != 0, &error)
        if status != MEMLANE_OK:
            memlane_buffer_end(self.handle, MEMLANE_BUFFER_DROP, NULL)
            check(status, &error)
        check(memlane_buffer_end(self.handle, MEMLANE_BUFFER_CHANGED, &error), &error)

    cdef void* begin(self) except NULL:
        cdef memlane_error error
        cdef void* place = NULL
        cdef memlane_status status = MEMLANE_INTERRUPTED
        cdef uint64_t deadline = monotonic_ns() + PATIENCE_NS
        while status == MEMLANE_INTERRUPTED:
            PyErr_CheckSignals()
            with nogil:
                status = memlane_buffer_begin(self.handle, deadline, &place, &error)
        check(status, &error)
        return place

    def close(self):
        """Close the endpoint, which makes the buffer invalid. May be called twice."""
        memlane_buffer_free(self.handle)
        self.handle = NULL

# cython: freethreading_compatible=True
"""One endpoint of a share: values that are put by one and taken by one other."""

from cpython.exc cimport PyErr_CheckSignals

from memlane import errors
from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.library cimport *
from memlane._native.options cimport fill_object_options, or_any
from memlane._native.variable cimport Variable, is_pickle, place_in
from memlane._native.view cimport View, make_view
from memlane.codec.plain cimport Encoder, is_array

# Each chunk ends with a look at pending signals: the kernel may deliver one to another thread than the waiting one.
cdef uint64_t CHUNK_NS = 50_000_000


cdef class Share(Variable):
    """The part of `memlane.SharedAssign` and `memlane.NumpyShare` that works on shared memory."""

    def __cinit__(self):
        self.share = NULL

    def _open_share(
        self, bytes name, bytes directory, *, size, slots, participants, protocol, persistent,
        mode, peer_uid, bint create, bytes uuid, allow_pickle, as_array
    ):
        """Open or create. None stands for what was not given; an empty directory for the default one.

        as_array: for a share of arrays: makes a plain array of what is none, or raises; else None.
        """
        cdef memlane_share_options options
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        if self.handle != NULL:
            raise RuntimeError("an endpoint is opened once")
        memlane_share_options_initialise(&options)
        fill_object_options(&options.object, directory, participants, persistent, mode, peer_uid, create, uuid)
        options.size = or_any(size)
        options.slots = or_any(slots)
        options.encoding = or_any(protocol)
        with nogil:
            status = memlane_share_open(&self.share, text, length, &options, &error)
        check(status, &error)
        self.handle = memlane_share_variable(self.share)
        self.allow_pickle = allow_pickle
        self.as_array = as_array
        self.arrays_only = as_array is not None
        self.noun = "share"
        self.size_word = "size"
        self.patience = 0
        self.learn()

    # -- putting ---------------------------------------------------------------------------------------------

    cdef size_t measure(self, const Encoder* encoder) noexcept:
        """What describes the buffers of a value does not count, so that a share of 5 MiB takes an array of 5 MiB."""
        return encoder.payload_length - encoder.first_buffer

    cdef size_t capacity(self) noexcept:
        return self.size + MEMLANE_SHARE_HEADROOM

    cdef uint64_t write_pickled(self, object value) except? 0:
        """Put a value that is not plain; where only arrays are, an array that has to be converted."""
        if not self.arrays_only:
            return Variable.write_pickled(self, value)
        array = self.as_array(value)
        if array is value:
            raise TypeError(
                f"share {self.name!r}: an array of dtype {value.dtype!r} cannot be put: only numbers, text and bytes of"
                " fixed size, times, and structures of these travel; convert it by astype()"
            )
        return self.write(array)

    def _put(self, value):
        """Put a value in place of one that was not taken; return its version."""
        if self.share == NULL:
            self.refuse_unopened()
        if self.arrays_only and not is_array(value):
            value = self.as_array(value)
        return self.write(value)

    # -- getting ---------------------------------------------------------------------------------------------

    cdef int wait_untaken(self, uint64_t deadline) except -1:
        """Wait without the GIL, in chunks, between which signals are looked at."""
        cdef memlane_error error
        # A look with the GIL held first: giving it up costs as much as the whole look.
        cdef memlane_status status = memlane_share_wait(self.share, 0, &error)
        while status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
            PyErr_CheckSignals()
            if status == MEMLANE_TIMEOUT and monotonic_ns() >= deadline:
                break
            with nogil:
                status = memlane_share_wait(self.share, min(monotonic_ns() + CHUNK_NS, deadline), &error)
        return check(status, &error)

    cdef bint take(self, uint64_t version) except -1:
        """Take what was copied or pinned. False: somebody else was first."""
        cdef memlane_error error
        cdef memlane_status status = memlane_share_take(self.share, version, &error)
        if status == MEMLANE_TAKEN:
            return False
        check(status, &error)
        return True

    cdef int refuse_other(self, str what) except -1:
        raise TypeError(
            f"share {self.name!r}: what waits there is {what}, no array: take it by memlane.SharedAssign, or drop it by"
            " clear()"
        )

    cdef int admit(self, object value, const memlane_reading* reading) except -1:
        """Refuse before the value is taken: it still waits for somebody who may have it."""
        if is_pickle(reading.type):
            if self.arrays_only:
                self.refuse_other("a pickled value")
            return self.admit_pickle()
        if self.arrays_only and not is_array(value):
            self.refuse_other(f"a value of type {type(value).__name__}")
        return 0

    def _get(self, timeout):
        """Wait for a value and take it; return it with its version and wall-clock seconds."""
        cdef memlane_reading reading
        cdef uint64_t deadline = deadline_of(timeout)
        if self.share == NULL:
            self.refuse_unopened()
        while True:
            self.wait_untaken(deadline)
            try:
                value = self.copy_latest(&reading)
            except errors.Empty:
                continue  # another get took it, and a put uses its slot since
            self.admit(value, &reading)
            if self.take(reading.version):
                return self.unpickled(reading.type, value), reading.version, reading.real_ns / 1e9

    cdef object place_of_array(self, View pinned):
        place = place_in(pinned)
        if place is None or place.dtype is None:
            self.refuse_other("a value that is not an array" if place is None else "a value of type bytes")
        return place

    def _view_next(self, timeout):
        """Wait for an array and take it in place; return it with its version and wall-clock seconds."""
        cdef View pinned
        cdef uint64_t deadline = deadline_of(timeout)
        if self.share == NULL:
            self.refuse_unopened()
        while True:
            self.wait_untaken(deadline)
            try:
                pinned = make_view(self.handle)
            except errors.Empty:
                continue  # as above
            place = self.place_of_array(pinned)
            if self.take(pinned.view.reading.version):
                return place.over(pinned), pinned.view.reading.version, pinned.view.reading.real_ns / 1e9

    # -- what was taken --------------------------------------------------------------------------------------

    @property
    def _size(self):
        """Bytes of the largest value."""
        return self.size

    def _clear(self):
        """Drop the value that waits; tell whether there was one."""
        cdef c_bool dropped = False
        cdef memlane_error error
        if self.share == NULL:
            self.refuse_unopened()
        check(memlane_share_clear(self.share, &dropped, &error), &error)
        return bool(dropped)

    def _taken(self):
        """Return the newest version that was taken or dropped."""
        cdef uint64_t version = 0
        cdef memlane_error error
        if self.share == NULL:
            self.refuse_unopened()
        check(memlane_share_taken(self.share, &version, &error), &error)
        return version

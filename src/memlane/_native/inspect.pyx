# cython: freethreading_compatible=True
"""Objects of every kind, looked at without touching them."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t

from memlane import errors
from memlane._native.error cimport check
from memlane._native.format cimport layout_of
from memlane._native.library cimport *
from memlane.codec.structure cimport Structure, adopt

# What a participant is to the object, in the order in which it is shown.
cdef tuple ROLES = (
    (MEMLANE_ROLE_READER, "reader"),
    (MEMLANE_ROLE_WRITER, "writer"),
    (MEMLANE_ROLE_LOCKS, "locks"),
    (MEMLANE_ROLE_SHARES, "shares lock"),
    (MEMLANE_ROLE_WAITS, "waits for lock"),
    (MEMLANE_ROLE_SERVES, "serves"),
    (MEMLANE_ROLE_CALLS, "calls"),
)


cdef c_bool note(const char* name, void* names) noexcept with gil:
    """Append a name; without the memory for it the listing ends."""
    try:
        (<list>names).append(name.decode("utf-8", "surrogateescape"))
    except MemoryError:
        return False
    return True


def names_in(bytes directory):
    """List the names of what may be objects in a directory; an empty one stands for the default."""
    cdef memlane_error error
    cdef memlane_status status
    cdef list names = []
    cdef const char* path = directory
    with nogil:
        status = memlane_inspect_names(path, note, <void*>names, &error)
    check(status, &error)
    return names


def take_structure(layout, bytes payload, str label):
    """Make a value of the struct that these bytes are."""
    cdef Structure structure = adopt(layout, label)
    if <size_t>len(payload) != structure.size:
        raise errors.Corrupted(f"{label}: its value has {len(payload)} bytes, its struct {structure.size}")
    return structure.take(<const unsigned char*>PyBytes_AS_STRING(payload))


cdef tuple numbers(const uint64_t* counters):
    return tuple([counters[index] for index in range(8)])


cdef tuple reading_tuple(const memlane_reading* reading):
    return (
        reading.version, reading.sequence, reading.size, reading.monotonic_ns, reading.real_ns, reading.type
    )


cdef tuple roles_of(uint32_t bits):
    return tuple([name for bit, name in ROLES if bits & <uint32_t>bit]) if bits else ()


@cython.final
@cython.auto_pickle(False)
cdef class Inspection:
    """One object, opened for reading only. Of one thread at a time."""

    cdef memlane_inspection* handle

    def __cinit__(self, bytes name, bytes directory):
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef const char* path = directory
        cdef size_t length = len(name)
        with nogil:
            status = memlane_inspect_open(&self.handle, path, text, length, &error)
        check(status, &error)

    def __dealloc__(self):
        memlane_inspect_close(self.handle)

    def close(self):
        """Give the mapping back."""
        memlane_inspect_close(self.handle)
        self.handle = NULL

    cdef int check_open(self) except -1:
        if self.handle == NULL:
            raise errors.Closed("this look at an object is over: look at it anew")
        return 0

    def facts(self):
        """Tell what the object is at this moment, as a dict."""
        cdef memlane_inspected_object found
        cdef memlane_error error
        self.check_open()
        check(memlane_inspect_object(self.handle, &found, &error), &error)
        return {
            "kind": found.kind.decode(),
            "size": found.size,
            "allocated": found.allocated,
            "layout": (found.layout_major, found.layout_minor),
            "creator": found.creator,
            "owner": found.owner,
            "permissions": found.permissions,
            "ephemeral": found.ephemeral,
            "of_this_boot": found.of_this_boot,
            "waiting": found.waiting,
            "recovering": found.recovering,
            "uuid": found.uuid[:16],
            "created_monotonic_ns": found.created_monotonic_ns,
            "created_real_ns": found.created_real_ns,
            "places": found.participants,
            "geometry": (found.geometry[0], found.geometry[1], found.geometry[2], found.geometry[3]),
            "counters": numbers(found.counters),
            "latest": reading_tuple(&found.latest),
            "slots_writing": found.slots_writing,
            "slots_viewed": found.slots_viewed,
            "taken": found.taken,
            "head": found.head,
            "tail": found.tail,
            "lanes": found.lanes,
            "calls_waiting": found.calls_waiting,
            "calls_running": found.calls_running,
            "calls_done": found.calls_done,
            "acquisitions": found.acquisitions,
        }

    def participants(self):
        """List the participants, each as a tuple in the order of the C struct."""
        cdef memlane_inspected_participant[1024] found
        cdef uint32_t count
        cdef uint32_t index
        self.check_open()
        with nogil:
            count = memlane_inspect_participants(self.handle, found, 1024)
        listed = []
        for index in range(count):
            listed.append((
                found[index].index, found[index].pid, found[index].thread, found[index].start_time,
                found[index].pid_namespace, roles_of(found[index].roles), found[index].writes, found[index].views,
                found[index].calls, found[index].executes, bool(found[index].lives),
                found[index].program.decode("ascii", "replace"), numbers(found[index].counters),
            ))
        return listed

    def schema(self):
        """Give the bytes of the schema."""
        cdef size_t length = 0
        self.check_open()
        cdef const void* text = memlane_inspect_schema(self.handle, &length)
        return b"" if text == NULL else (<const char*>text)[:length]

    def layout(self):
        """Give the layout of the object's struct, of a function that of its arguments; None where it has none."""
        self.check_open()
        cdef const memlane_format* format = memlane_inspect_format(self.handle)
        return None if format == NULL else layout_of(format)

    def result_layout(self):
        """Give the layout of the struct of a function's results, None where it has none."""
        self.check_open()
        cdef const memlane_format* format = memlane_inspect_result_format(self.handle)
        return None if format == NULL else layout_of(format)

    def read(self):
        """Copy the latest value: the payload, and the reading as a tuple."""
        cdef memlane_reading reading
        cdef memlane_error error
        cdef memlane_status status = MEMLANE_BUFFER_TOO_SMALL
        cdef size_t room = 4096
        cdef char* start
        self.check_open()
        while status == MEMLANE_BUFFER_TOO_SMALL:
            payload = PyBytes_FromStringAndSize(NULL, room)
            start = PyBytes_AS_STRING(payload)
            with nogil:
                status = memlane_inspect_read(self.handle, start, room, &reading, &error)
            if status == MEMLANE_BUFFER_TOO_SMALL:
                room = max(<size_t>reading.size, 2 * room)
        check(status, &error)
        return payload[: reading.size], reading_tuple(&reading)

    def latest(self):
        """Tell of the latest value what `read` tells of it, without copying it; None where nothing was ever written."""
        cdef memlane_reading reading
        cdef memlane_error error
        cdef char nothing
        self.check_open()
        cdef memlane_status status = memlane_inspect_read(self.handle, &nothing, 0, &reading, &error)
        if status == MEMLANE_EMPTY:
            return None
        if status != MEMLANE_BUFFER_TOO_SMALL:
            check(status, &error)
        return reading_tuple(&reading)

    def peek(self, uint64_t start, size_t limit):
        """Copy bytes that a channel holds, from a position or the oldest: where they begin, and them."""
        cdef uint64_t first = 0
        cdef size_t size = 0
        cdef memlane_error error
        self.check_open()
        payload = PyBytes_FromStringAndSize(NULL, limit)
        cdef char* target = PyBytes_AS_STRING(payload)
        cdef memlane_status status
        with nogil:
            status = memlane_inspect_peek(self.handle, start, target, limit, &first, &size, &error)
        check(status, &error)
        return first, payload[:size]

    def copy(self, uint64_t offset, size_t size):
        """Copy bytes of a map."""
        cdef memlane_error error
        self.check_open()
        payload = PyBytes_FromStringAndSize(NULL, size)
        cdef char* target = PyBytes_AS_STRING(payload)
        cdef memlane_status status
        with nogil:
            status = memlane_inspect_copy(self.handle, offset, target, size, &error)
        check(status, &error)
        return payload

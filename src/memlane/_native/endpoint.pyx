# cython: freethreading_compatible=True
"""What endpoints of all kinds can do."""

from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint32_t, uint64_t

from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.fork cimport generation
from memlane._native.library cimport (
    MEMLANE_ANY,
    MEMLANE_INTERRUPTED,
    MEMLANE_TIMEOUT,
    c_bool,
    memlane_endpoint_begin_poll,
    memlane_endpoint_descriptor,
    memlane_endpoint_end_poll,
    memlane_endpoint_look,
    memlane_endpoint_wait_any,
    memlane_error,
    memlane_status,
)

# Each chunk ends with a look at pending signals: the kernel may deliver one to another thread than the waiting one.
cdef uint64_t CHUNK_NS = 50_000_000
# A crowd that is too large for one system call is handed to other threads and back each time: not so often then.
cdef uint64_t LARGE_CROWD_CHUNK_NS = 500_000_000
cdef uint32_t LARGE_CROWD = 64

# After it comes 1 (core/src/layout.h).
cdef uint64_t GREATEST_VERSION = 0xffff_ffff_ffff


cdef class Endpoint:
    """What can be polled, and waited for together with others."""

    cdef memlane_endpoint* pollable(self) except NULL:
        raise TypeError(f"{type(self).__name__} cannot be polled")

    def fileno(self):
        """Return a descriptor that is readable while there is something to take.

        It is level-triggered, as a socket's, and for `select`, `selectors` and event loops only: nothing can be read
        from it. It belongs to the endpoint: ``close()`` makes it readable and then closes it, so unregister it before,
        as a socket. A forked child gets another one.

        Raises:
            Closed: The endpoint was closed.
            SystemFailure: No descriptor is left.
        """
        cdef int descriptor = -1
        cdef memlane_error error
        check(memlane_endpoint_descriptor(self.pollable(), &descriptor, &error), &error)
        return descriptor


cdef class Poll:
    """The descriptor of an endpoint for one poll, kept also when that is closed meanwhile: then it is readable.

    A context manager; gives the descriptor.
    """

    cdef Endpoint subject
    cdef memlane_endpoint* held
    cdef uint64_t born

    def __cinit__(self, Endpoint subject not None):
        self.subject = subject
        self.held = NULL

    def __enter__(self):
        cdef int descriptor = -1
        cdef memlane_error error
        cdef memlane_endpoint* endpoint = self.subject.pollable()
        check(memlane_endpoint_begin_poll(endpoint, &descriptor, &error), &error)
        self.held = endpoint
        self.born = generation
        return descriptor

    def __exit__(self, *raised):
        self.let_go()

    def __dealloc__(self):
        self.let_go()

    cdef void let_go(self) noexcept:
        cdef memlane_endpoint* held = self.held
        self.held = NULL
        if held != NULL and self.born == generation:  # a forked child has none of its parent's polls
            memlane_endpoint_end_poll(held)


cdef class Looks:
    """Looks at an endpoint before a task polls it, for as long as that pays: other tasks run between two of them.

    An iterator of nothing. Afterwards ``found`` tells whether there is something to take.
    """

    cdef Endpoint subject
    cdef uint64_t until_ns
    cdef readonly bint found

    def __cinit__(self, Endpoint subject not None):
        self.subject = subject
        self.until_ns = 0
        self.found = False

    def __iter__(self):
        return self

    def __next__(self):
        cdef c_bool ready = False
        cdef bint again = memlane_endpoint_look(self.subject.pollable(), &self.until_ns, &ready)
        self.found = ready
        if not again:
            raise StopIteration


cdef class Expectations:
    """The versions that tasks of one process wait beyond, by their tickets."""

    def __cinit__(self):
        self.versions = {}

    cdef list void(self):
        """Return the tickets of tasks that never go on: outside of the critical section, which that would give up."""
        return [each for each in list(self.versions) if each.is_void]

    cdef uint64_t change(self, object ticket, object version, list void) except? 0:
        """In the critical section: forget the void ones, and note what a task waits beyond, None: it does not.

        Returns the one that came first, MEMLANE_ANY where none waits.
        """
        if self.born != generation:  # a forked child has none of its parent's tasks
            self.versions.clear()
            self.born = generation
        for each in void:
            self.versions.pop(each, None)
        if version is None:
            self.versions.pop(ticket, None)
        else:
            self.versions[ticket] = version
        return self.first()

    cdef uint64_t first(self) except? 0:
        """Return the lowest; where versions have gone round in between, the lowest of those before that."""
        cdef list versions = sorted(self.versions.values())
        for each in versions:
            if versions[0] + GREATEST_VERSION // 2 < each <= GREATEST_VERSION:
                return each
        return versions[0] if versions else MEMLANE_ANY


cdef class Crowd:
    """The endpoints of one wait, as the library takes them."""

    cdef memlane_endpoint** endpoints
    cdef c_bool* ready
    cdef uint32_t count

    def __cinit__(self, list members):
        self.count = len(members)
        self.endpoints = <memlane_endpoint**>PyMem_Malloc(self.count * sizeof(memlane_endpoint*))
        self.ready = <c_bool*>PyMem_Malloc(self.count * sizeof(c_bool))
        if self.endpoints == NULL or self.ready == NULL:
            raise MemoryError
        for index, member in enumerate(members):
            self.endpoints[index] = (<Endpoint?>member).pollable()

    def __dealloc__(self):
        PyMem_Free(self.endpoints)
        PyMem_Free(self.ready)


def wait_any(endpoints, timeout):
    """Wait until some of the endpoints have something to take, and return those in their order; none in time: none."""
    cdef list members = list(endpoints)
    cdef Crowd crowd = Crowd(members)
    cdef memlane_error error
    cdef uint64_t deadline = deadline_of(timeout)
    cdef uint64_t chunk = CHUNK_NS if crowd.count <= LARGE_CROWD else LARGE_CROWD_CHUNK_NS
    # A look with the GIL held first: giving it up costs as much as the whole look.
    cdef memlane_status status = memlane_endpoint_wait_any(crowd.endpoints, crowd.count, 0, crowd.ready, &error)
    while status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
        PyErr_CheckSignals()
        if status == MEMLANE_TIMEOUT and monotonic_ns() >= deadline:
            return []
        with nogil:
            status = memlane_endpoint_wait_any(
                crowd.endpoints, crowd.count, min(monotonic_ns() + chunk, deadline), crowd.ready, &error
            )
    check(status, &error)
    return [member for index, member in enumerate(members) if crowd.ready[index]]

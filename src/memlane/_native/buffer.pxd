"""One endpoint of a buffer, or a buffer of this process alone."""

from libc.stdint cimport uint64_t

from memlane._native.endpoint cimport Endpoint, Expectations
from memlane._native.library cimport memlane_buffer, memlane_buffer_outcome
from memlane._native.record cimport Field, Layout

cdef class Buffer(Endpoint):
    cdef memlane_buffer* handle
    cdef Layout layout
    cdef object __weakref__
    # Snapshots of the read-only transactions of this endpoint's threads.
    cdef dict snapshots
    cdef Expectations expectations
    # The counts of each parameter when wait() returned last.
    cdef bytes seen

    # A buffer of this process alone: its latest record, never changed, and under the guard what becomes the next one.
    cdef object guard
    # Of which generation of processes the guard is.
    cdef uint64_t born
    cdef bytes local
    cdef bytes working
    cdef uint64_t local_version
    cdef unsigned long holder
    cdef int depth
    cdef bint changed
    cdef bint local_closed

    cdef Layout opened(self)
    cdef int refuse_invalid(self) except -1
    cdef bint is_inside_local(self) except -1
    cdef bytes snapshot(self)
    cdef uint64_t fetch(self, uint64_t offset, void* content, uint64_t size) except? 0
    cdef bint look(self, uint64_t offset, void* content, uint64_t size, uint64_t* version) except -1
    cdef bytes record(self, uint64_t* version)
    cdef unsigned char* begin(self, object timeout=*, bint check_valid=*) except NULL
    cdef unsigned char* begin_shared(self, object timeout) except NULL
    cdef int settle(self) except -1
    cdef object local_guard(self)
    cdef unsigned char* begin_local(self, object timeout) except NULL
    cdef int end(self, memlane_buffer_outcome outcome) except -1
    cdef int end_local(self, memlane_buffer_outcome outcome) except -1
    cdef object value_at(self, Field field, int offset)
    cdef bytes encoded(self, Field field, object value)
    cdef int put(self, Field field, int offset, object value, bint is_request) except -1
    cdef int store(self, Field field, int offset, const unsigned char* content, bint is_request) except -1
    cdef int enter_snapshot(self) except -1
    cdef int leave_snapshot(self) except -1
    cdef Field known(self, object name)
    cdef bint is_news(self, Field field, bytes record, bint requests) noexcept
    cdef bint has_seen(self, bytes record) noexcept
    cdef int see(self, list fields, bytes record, bint requests) except -1
    cdef uint64_t wait_newer(self, uint64_t version, uint64_t deadline) except? 0


cdef double wall_time() noexcept nogil

"""One end of a channel: bytes in or out."""

from libc.stdint cimport uint64_t

from memlane._native.endpoint cimport Endpoint
from memlane._native.library cimport memlane_channel, memlane_error, memlane_span, memlane_status
from memlane._native.span cimport Span

cdef class ChannelEnd(Endpoint):
    cdef memlane_channel* handle
    cdef uint64_t capacity
    cdef bint was_closed
    # In which generation of processes one listens, or has unread bytes: a forked child has neither.
    cdef uint64_t reader
    # A listener has the reading to itself.
    cdef bint is_listening
    # What a reading that failed in its midst had consumed: the next one returns it first (D25).
    cdef bytes unread
    # A weak reference to the span that showed them last.
    cdef object shown

    cdef int check_handle(self) except -1
    cdef int check_reader(self) except -1
    cdef int fail(self, memlane_status status, const memlane_error* error) except -1
    cdef int take_turn(self, uint64_t deadline) except -1
    cdef uint64_t write_bytes(self, const char* bytes, uint64_t size, object timeout) except? 0
    cdef uint64_t write_patiently(self, const char* bytes, uint64_t size, uint64_t deadline) except? 0
    cdef bytes own_unread(self)
    cdef bytes left_unread(self)
    cdef int check_unread(self) except -1
    cdef uint64_t take_unread(self, char* buffer, uint64_t size) except? 0
    cdef int put_back(self, bytes unread) except -1
    cdef void leave_unread(self, bytes unread) noexcept
    cdef uint64_t read_some(self, char* buffer, uint64_t size) except? 0
    cdef uint64_t read_bytes_into(self, char* buffer, uint64_t size, uint64_t least, object timeout) except? 0
    cdef uint64_t read_patiently(self, char* buffer, uint64_t size, uint64_t least, uint64_t deadline) except? 0
    cdef uint64_t read_pieces(self, char* buffer, uint64_t size, uint64_t least, uint64_t deadline, uint64_t* done)\
        except? 0
    cdef uint64_t size_in_place(self, n) except? 0
    cdef Span show(self, bytes unread, bytes wanted, memlane_span* behind)
    cdef object fresh_bytes(self, uint64_t size, uint64_t least, object timeout)

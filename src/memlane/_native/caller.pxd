"""The calling side of a function."""

from libc.stdint cimport uint64_t

from memlane._native.function cimport Function
from memlane._native.library cimport memlane_answer, memlane_call, memlane_execution, memlane_status

cdef class Caller(Function):
    # Seconds, or None: for calls and waits that are given no other.
    cdef object timeout
    cdef bint raw
    cdef bint fail_fast
    cdef bint one_way
    # Makes an exception of an error that came back: (text, description) to exception.
    cdef object rebuild
    # The next three in the critical section: without a global lock an iteration holds off no other thread.
    # Calls whose responses are kept for get_response(), by number, oldest first.
    cdef dict kept
    # Those of them, and others that somebody has, which still own a slot.
    cdef dict flying
    cdef uint64_t number
    # Another endpoint, for calls that callbacks make in the midst of calls of this one (D29).
    cdef Caller spare

    cdef int send(self, memlane_call* call, tuple arguments, dict keywords) except -1
    cdef object one_value(self, tuple arguments, dict keywords)
    cdef object raw_argument(self, tuple arguments, dict keywords)
    cdef int send_packed(self, memlane_call* call, object value) except -1
    cdef int send_pickled(self, memlane_call* call, object message, unsigned int flags) except -1
    cdef int begin(self, memlane_call* call) except -1
    cdef int begin_patiently(self, memlane_call* call, memlane_status status) except -1
    cdef Caller have_spare(self)
    cdef bint collect_flying(self) except -1
    cdef int wait_for(self, memlane_call* call, uint64_t deadline, memlane_answer* answer) except -1
    cdef int wait_or_give_up(self, memlane_call* call, memlane_answer* answer) except -1
    cdef object decode(self, const memlane_answer* answer)
    cdef int keep(self, PendingCall pending) except -1
    cdef int land(self, uint64_t number) except -1
    cdef int forget(self, uint64_t number) except -1
    cdef list under_way(self)
    cdef PendingCall oldest_kept(self)
    cdef int drop_oldest(self) except -1
    cdef int refuse_one_way(self) except -1

cdef class PendingCall:
    cdef memlane_call call
    cdef Caller caller
    cdef uint64_t number
    cdef int stage
    # A thread is in get_response() for it: others take the next one.
    cdef bint is_awaited
    # It is certain that nobody executed it, or will.
    cdef bint was_taken_back
    # In which generation of processes it was sent: a forked child has no part in it.
    cdef uint64_t born
    cdef object value
    cdef object error
    # Of the task that collects it.
    cdef public object _ticket

    cdef bint claim(self) noexcept
    cdef bint is_settled(self) noexcept
    cdef int collect(self, const memlane_answer* answer) except -1
    cdef int settle(self, int stage, object value, object error) except -1
    cdef object outcome(self)
    cdef bint look(self) except -1
    cdef int abandon(self) except -1

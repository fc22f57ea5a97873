"""The serving side of functions."""

from libc.stdint cimport uint64_t

from memlane._native.function cimport Function, Shift
from memlane._native.library cimport memlane_call, memlane_dispatcher, memlane_error, memlane_status, memlane_task

cdef class Dispatcher:
    cdef memlane_dispatcher* handle
    # One entry for each place: the endpoint, and the callback.
    cdef list functions
    cdef list callbacks
    # Makes (text, description) of an exception.
    cdef object describe
    # Threads in serve(), of which generation of processes, and whether the last of them lets the functions go.
    cdef int threads
    cdef uint64_t born
    cdef bint closing
    # How often it was stopped: a thread that was told to leave stays gone when others are told to serve.
    cdef uint64_t stops
    # Logs what nobody else would see: (message, exception).
    cdef object report

    cdef int check_open(self) except -1
    cdef int let_go(self) except -1
    cdef memlane_status take(
        self, uint64_t stops, memlane_call* awaited, uint64_t deadline, memlane_task* task
    ) except *
    cdef int report_damage(self, const memlane_error* error) except -1
    cdef int run(self, memlane_task* task) except -1
    cdef object invoke(self, memlane_task* task)
    cdef int respond(self, memlane_task* task, object value, uint64_t born) except -1
    cdef int fail(self, memlane_task* task, object error) except -1

# A call that was taken, until it is answered.
cdef class Request:
    cdef Dispatcher dispatcher
    cdef memlane_task task
    cdef bint is_open
    # In which generation of processes it was taken.
    cdef uint64_t born

cdef class Watch(Shift):
    cdef Dispatcher dispatcher
    cdef int depth
    # Of the dispatcher, when the thread began.
    cdef uint64_t stops

# cython: freethreading_compatible=True
"""Seconds as callers give them, and deadlines as the library takes them."""

from libc.math cimport INFINITY
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from memlane._native.library cimport MEMLANE_NO_DEADLINE

cdef uint64_t NANOSECONDS = 1_000_000_000
# A century, and far from overflow.
cdef double LONGEST_TIMEOUT = 3.2e9


cdef uint64_t monotonic_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t>now.tv_sec * NANOSECONDS + <uint64_t>now.tv_nsec


cdef uint64_t deadline_of(object timeout) except? 1:
    if timeout is None:
        return MEMLANE_NO_DEADLINE
    cdef double seconds
    try:
        seconds = timeout
    except TypeError:
        raise TypeError(
            f"timeout={timeout!r} is {type(timeout).__name__}: give seconds, or None to wait for ever"
        ) from None
    except OverflowError:
        seconds = INFINITY if timeout > 0 else -INFINITY
    if not seconds >= 0:
        raise ValueError(f"timeout={timeout!r}: give seconds from 0 (only look) up, or None to wait for ever")
    if seconds == 0:
        return 0
    if seconds > LONGEST_TIMEOUT:
        return MEMLANE_NO_DEADLINE
    return monotonic_ns() + <uint64_t>(seconds * NANOSECONDS)

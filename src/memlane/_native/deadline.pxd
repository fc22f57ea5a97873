"""Seconds as callers give them, and deadlines as the library takes them."""

from libc.stdint cimport uint64_t

# Nanoseconds of CLOCK_MONOTONIC.
cdef uint64_t monotonic_ns() noexcept nogil

# The deadline that a timeout in seconds sets from now; None: never. ValueError for negative ones.
cdef uint64_t deadline_of(object timeout) except? 1

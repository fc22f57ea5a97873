"""Bytes of a channel, in place."""

from libc.stdint cimport uint64_t

from memlane._native.library cimport memlane_channel, memlane_span

cdef class Span:
    cdef memlane_span span
    # Keeps the mapping for as long as somebody has a pointer into it.
    cdef memlane_channel* held
    cdef void* start
    cdef uint64_t length
    cdef bint is_read_only
    cdef object target
    # Buffers that were exported and not yet given back.
    cdef Py_ssize_t exports
    # Where the endpoint kept bytes (D25): a copy, of those and of the span's, and the endpoint until it is given back.
    cdef bytes copy
    cdef object keeper
    # The channel finds out by it whether the bytes that it keeps are in use.
    cdef object __weakref__

    cdef bint is_open(self) noexcept
    cdef int finish(self, bint commit) except -1

# Takes over the span.
cdef Span make_span(memlane_span* span, bint is_read_only)
# Bytes that the keeper keeps, and those of the span behind them, which it takes over if it has a channel; to be read.
cdef Span make_kept_span(object keeper, bytes kept, memlane_span* behind)

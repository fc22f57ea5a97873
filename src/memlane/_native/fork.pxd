"""What a forked child has of its own."""

from libc.stdint cimport uint64_t

# Of this process; a forked child is of the next. A process may get the number of its ancestor, but never this one.
cdef uint64_t generation

cdef class PerProcess:
    cdef object make
    cdef object value
    # Of which generation the value is.
    cdef uint64_t born

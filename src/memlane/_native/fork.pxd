"""What a forked child has of its own."""

from libc.stdint cimport uint64_t

# Of this process; a forked child is of the next. A process may get the number of its ancestor, but never this one.
cdef uint64_t generation

# In a forked child, the one thread that was in its parent too, and since which generation it has been there: new
# threads may get the number of one that is gone.
cdef unsigned long survivor
cdef uint64_t survives_since

cdef class Owner:
    cdef uint64_t born
    cdef readonly int process

cdef class PerProcess:
    cdef object make
    cdef object value
    # Of which generation the value is.
    cdef uint64_t born

"""A flag between two threads: one sets it, the other looks at it while it waits. Nothing hangs on it but itself."""

cdef extern from *:
    const int __ATOMIC_RELAXED
    int load "__atomic_load_n" (int* place, int order) noexcept nogil
    void store "__atomic_store_n" (int* place, int value, int order) noexcept nogil


cdef inline bint is_raised(int* flag) noexcept nogil:
    return load(flag, __ATOMIC_RELAXED) != 0


cdef inline void raise_flag(int* flag) noexcept nogil:
    store(flag, 1, __ATOMIC_RELAXED)

"""Values that are looked at where they lie."""

from libc.stdint cimport uint32_t

cdef class View:
    """Where the bytes of a value lie that can be looked at in place (D6)."""

    cdef readonly size_t offset
    cdef readonly size_t length
    # None for bytes.
    cdef readonly object dtype
    cdef readonly tuple shape
    cdef readonly str order

    cpdef object over(self, object payload)

# A View, or None where the value is neither a bytes object nor an array.
cdef object view_of(
    uint32_t content_type, const unsigned char* prefix, size_t prefix_length, size_t payload_length
)

"""Values of a fixed format: exactly the bytes of one struct."""

from libc.string cimport memcpy

from memlane.codec.format cimport RELEASE_GIL_BYTES
from memlane.codec.member cimport Member
from memlane.codec.view cimport View


cdef inline void copy_bytes(void* destination, const void* source, size_t size) noexcept:
    """Copy; large ones without the GIL."""
    if size < RELEASE_GIL_BYTES:
        memcpy(destination, source, size)
    else:
        with nogil:
            memcpy(destination, source, size)


cdef class Structure:
    """A format, as an endpoint has it. Never changes once it is made."""

    cdef readonly size_t size
    cdef readonly object layout
    # What was declared: a class or a dtype. Of an adopted format its dtype, or None.
    cdef readonly object form
    cdef Member root
    # How values are looked at in place.
    cdef View place
    # take() does nothing but copy, so that it may read shared memory.
    cdef bint copies
    # Types and dtypes of values that others declared -> whether their bytes are these.
    cdef dict acquainted

    # 1 and a buffer of `size` bytes, to be released, where the value is made of exactly these bytes; else 0.
    cdef int hold(self, object value, Py_buffer* buffer) except -1
    cdef int put(self, object value, unsigned char* out) except -1
    cdef object take(self, const unsigned char* source)

# Both take a label for errors, such as "variable 'pose'".
cdef Structure declare(object data_format, str label)
cdef Structure adopt(object layout, str label)

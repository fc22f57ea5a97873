"""numpy arrays to descriptions with buffers, and back, without numpy at build time."""

from libc.stdint cimport intptr_t

from memlane.codec.payload cimport BufferList, FetchList
from memlane.codec.reader cimport Reader
from memlane.codec.writer cimport Writer

# numpy's array interface in C, "version 3", a promise of numpy's documentation: what `__array_struct__` points to.
ctypedef struct ArrayInterface:
    int two
    int dimensions
    char kind
    int itemsize
    int flags
    intptr_t* shape
    intptr_t* strides
    void* data

cdef bint is_array(object value) except -1
# Of what `__array_struct__` gave, which keeps the array.
cdef ArrayInterface* interface_of(object capsule) except NULL
cdef bint is_contiguous(const ArrayInterface* interface, bint fortran) noexcept
cdef object new_array(tuple shape, object dtype, bint fortran)
# Of an ndarray that is one's own.
cdef void* elements_of(object array) except NULL
cdef int put_array(Writer* writer, BufferList* buffers, object array) except -1
# The array's elements are still to be fetched.
cdef object take_array(Reader* reader, FetchList* fetches)
# (dtype, shape, order); the place of the elements is the newest fetch.
cdef tuple take_array_outline(Reader* reader, FetchList* fetches)

"""numpy arrays to descriptions with buffers, and back, without numpy at build time."""

from memlane.codec.payload cimport BufferList, FetchList
from memlane.codec.reader cimport Reader
from memlane.codec.writer cimport Writer

cdef bint is_array(object value) except -1
cdef int put_array(Writer* writer, BufferList* buffers, object array) except -1
# The array's elements are still to be fetched.
cdef object take_array(Reader* reader, FetchList* fetches)
# (dtype, shape, order); the place of the elements is the newest fetch.
cdef tuple take_array_outline(Reader* reader, FetchList* fetches)

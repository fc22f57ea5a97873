"""Values as the payload of calls: written straight into shared memory, and read from it once."""

from libc.stdint cimport uint32_t, uint64_t

from memlane.codec.plain cimport Encoder
from memlane.codec.structure cimport Structure

cdef enum:
    # Payload that is no encoded value but plain bytes: what C programs send.
    CONTENT_RAW = 0
    # The low byte of a type mark is the content type of the codec.
    CONTENT_MASK = 0xFF
    # A request that is (args, kwargs) and not args alone.
    WITH_KEYWORDS = 0x100
    # Behind the text of an error lies what describes a Python exception.
    WITH_EXCEPTION = 0x200

# A pickle that is laid out as a payload when its place is known: large buffers are copied once.
cdef class Pickled:
    cdef Encoder encoder
    cdef readonly uint64_t size
    cdef readonly uint32_t content

    cdef void write(self, void* out) noexcept

# A value of a format: its own bytes where it has them all in their places, else a copy.
cdef class Packed:
    cdef Py_buffer buffer
    cdef bint held
    cdef bytes made
    cdef const void* source
    cdef readonly uint64_t size

    cdef void write(self, void* out) noexcept

cdef bint is_pickle(uint32_t content) noexcept
# The value; of a pickle (head, buffers), which nobody has loaded yet.
cdef object read_message(const void* source, uint64_t size, uint32_t content)
# False: the value is not plain. Where it does not fit *size is larger than the capacity, and *content means nothing.
cdef bint write_plain(object value, void* out, uint64_t capacity, uint64_t* size, uint32_t* content) except -1
# Copies what has the buffer protocol, where it fits; returns its size.
cdef uint64_t write_raw(object value, void* out, uint64_t capacity) except? 0
# Runs the methods of the value. Its size may be larger than the capacity: then it must not be written.
cdef Pickled pickled_message(object value, uint64_t capacity)
# Runs the methods of the value.
cdef Packed packed_message(Structure structure, object value)
# The library made sure that there are as many bytes as the struct takes.
cdef object read_packed(Structure structure, const void* source)
# None where the value is not plain, or holds large buffers.
cdef bytes plain_message(object value)

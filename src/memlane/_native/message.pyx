# cython: freethreading_compatible=True
"""Values as the payload of calls: written straight into shared memory, and read from it once."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy

from memlane.codec import pickled
from memlane.codec.plain cimport (
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    CONTENT_PLAIN,
    NOT_PLAIN,
    TABLE_START,
    TOO_LARGE,
    Decoder,
    Encoder,
    decode_payload,
    encode_pickled,
    encode_plain,
    fetch_all,
    prefix_size,
    release_decoder,
    release_encoder,
    write_encoded,
)
from memlane.codec.structure cimport copy_bytes

cdef enum:
    # Messages up to here are copied whole to the stack and decoded there: no allocation.
    SMALL = 4096
    # Pickle protocol: both sides are Python 3.
    PROTOCOL = 5


cdef bint is_pickle(uint32_t content) noexcept:
    return content == CONTENT_PICKLE or content == CONTENT_PICKLE_BUFFERS


cdef object read_message(const void* source, uint64_t size, uint32_t content):
    """Whoever shares the memory may change it meanwhile: everything that is looked at was copied before."""
    cdef unsigned char[SMALL] copy
    cdef Decoder decoder
    if content == CONTENT_RAW:
        return bytes_of(source, size)
    if size > SMALL:
        return read_large(source, size, content)
    memcpy(copy, source, size)
    value = decode_payload(&decoder, content, copy, size, size)
    fetch_all(&decoder, copy)
    release_decoder(&decoder)
    return value


cdef bytes bytes_of(const void* source, uint64_t size):
    cdef bytes copy = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
    copy_bytes(PyBytes_AS_STRING(copy), source, size)
    return copy


cdef object read_large(const void* source, uint64_t size, uint32_t content):
    """Copy what describes the value, make the objects, then copy each buffer once, into its final place."""
    cdef Decoder decoder
    cdef unsigned char[TABLE_START] first
    memcpy(first, source, TABLE_START)
    cdef size_t length = prefix_size(content, first, size)
    cdef unsigned char* prefix = <unsigned char*>PyMem_Malloc(length)
    if prefix == NULL:
        raise MemoryError
    try:
        copy_bytes(prefix, source, length)
        value = decode_payload(&decoder, content, prefix, length, size)
        try:
            fetch_all(&decoder, <const unsigned char*>source)
        finally:
            release_decoder(&decoder)
    finally:
        PyMem_Free(prefix)
    return value


cdef bint write_plain(object value, void* out, uint64_t capacity, uint64_t* size, uint32_t* content) except -1:
    cdef Encoder encoder
    cdef int outcome = encode_plain(&encoder, value, <unsigned char*>out, capacity)
    if outcome == NOT_PLAIN:
        return False
    size[0] = encoder.payload_length
    content[0] = encoder.content_type
    if outcome != TOO_LARGE:
        write_encoded(&encoder, <unsigned char*>out)
        release_encoder(&encoder)
    return True


cdef uint64_t write_raw(object value, void* out, uint64_t capacity) except? 0:
    cdef Py_buffer region
    PyObject_GetBuffer(value, &region, PyBUF_SIMPLE)
    cdef uint64_t size = region.len
    if size <= capacity:
        copy_bytes(out, region.buf, size)
    PyBuffer_Release(&region)
    return size


cdef class Pickled:
    """A pickle on its way into shared memory."""

    def __dealloc__(self):
        release_encoder(&self.encoder)

    cdef void write(self, void* out) noexcept:
        write_encoded(&self.encoder, <unsigned char*>out)


cdef Pickled pickled_message(object value, uint64_t capacity):
    cdef Pickled pickle = Pickled.__new__(Pickled)
    head, buffers = pickled.dumps(value, PROTOCOL)
    encode_pickled(&pickle.encoder, head, buffers, capacity)
    pickle.size = pickle.encoder.payload_length
    pickle.content = pickle.encoder.content_type
    return pickle


cdef class Packed:
    """A value of a format on its way into shared memory."""

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)

    cdef void write(self, void* out) noexcept:
        copy_bytes(out, self.source, self.size)


cdef Packed packed_message(Structure structure, object value):
    cdef Packed packed = Packed.__new__(Packed)
    packed.size = structure.size
    packed.held = structure.hold(value, &packed.buffer)
    if packed.held:
        packed.source = packed.buffer.buf
        return packed
    packed.made = PyBytes_FromStringAndSize(NULL, structure.size)
    packed.source = PyBytes_AS_STRING(packed.made)
    structure.put(value, <unsigned char*>packed.source)
    return packed


cdef object read_packed(Structure structure, const void* source):
    """Whoever shares the memory may change it meanwhile: what is more than copied was copied before."""
    cdef bytes copy
    if structure.copies:
        return structure.take(<const unsigned char*>source)
    copy = bytes_of(source, structure.size)
    return structure.take(<const unsigned char*>PyBytes_AS_STRING(copy))


cdef bytes plain_message(object value):
    cdef uint64_t size = 512
    cdef uint64_t capacity = 0
    cdef uint32_t content = 0
    cdef bytes payload = b""
    while size > capacity:
        capacity = size
        payload = PyBytes_FromStringAndSize(NULL, capacity)
        if not write_plain(value, PyBytes_AS_STRING(payload), capacity, &size, &content):
            return None
    return payload[:size] if content == CONTENT_PLAIN else None

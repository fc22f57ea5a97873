# cython: freethreading_compatible=True
"""The codec for Python callers: tests, tools and benchmarks. The binding uses ``plain.pxd``."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t

from memlane.codec import pickled

PLAIN = CONTENT_PLAIN
PLAIN_BUFFERS = CONTENT_PLAIN_BUFFERS
PICKLE = CONTENT_PICKLE
PICKLE_BUFFERS = CONTENT_PICKLE_BUFFERS

cdef enum:
    # What `dumps` tries first. Arbitrary.
    FIRST_CAPACITY = 512

cdef dict OUTCOMES = {ENCODED: "encoded", NOT_PLAIN: "not plain", TOO_LARGE: "too large"}


cdef bint is_pickle(uint32_t content_type):
    return content_type == CONTENT_PICKLE or content_type == CONTENT_PICKLE_BUFFERS


def dumps(object value):
    """Encode a value.

    Returns:
        The content type and the payload, or None where the value is not plain.
    """
    cdef Encoder encoder
    cdef int outcome
    cdef unsigned char* out
    cdef size_t capacity = FIRST_CAPACITY
    while True:
        payload = PyBytes_FromStringAndSize(NULL, capacity)
        out = <unsigned char*>PyBytes_AS_STRING(payload)
        outcome = encode_plain(&encoder, value, out, capacity)
        if outcome == NOT_PLAIN:
            return None
        if outcome == ENCODED:
            write_encoded(&encoder, out)
            release_encoder(&encoder)
            return encoder.content_type, payload[:encoder.payload_length]
        capacity = encoder.payload_length


def dumps_pickled(object value, int protocol):
    """Pickle a value and lay the pickle out as a payload.

    Returns:
        The content type and the payload.
    """
    cdef Encoder encoder
    cdef bytes payload = b""
    head, buffers = pickled.dumps(value, protocol)
    if encode_pickled(&encoder, head, buffers, 0) == TOO_LARGE:
        payload = PyBytes_FromStringAndSize(NULL, encoder.payload_length)
        encode_pickled(&encoder, head, buffers, encoder.payload_length)
    write_encoded(&encoder, <unsigned char*>PyBytes_AS_STRING(payload))
    release_encoder(&encoder)
    return encoder.content_type, payload


def encode_into(object out, object value):
    """Encode a value to the beginning of a writable buffer.

    Returns:
        What came of it ("encoded", "not plain" or "too large"), the content type, and the length of the payload or the
        length that it would need.
    """
    cdef Encoder encoder
    cdef Py_buffer region
    cdef int outcome
    PyObject_GetBuffer(out, &region, PyBUF_SIMPLE | PyBUF_WRITABLE)
    try:
        outcome = encode_plain(&encoder, value, <unsigned char*>region.buf, region.len)
        if outcome == NOT_PLAIN:
            return OUTCOMES[outcome], 0, 0
        if outcome == ENCODED:
            write_encoded(&encoder, <unsigned char*>region.buf)
        return OUTCOMES[outcome], encoder.content_type, encoder.payload_length
    finally:
        release_encoder(&encoder)
        PyBuffer_Release(&region)


def needed_prefix(uint32_t content_type, bytes first, size_t payload_length):
    """Tell how many bytes of a payload `Reading` needs, from its first 8 bytes (or all of a shorter one)."""
    if <size_t>len(first) < min(payload_length, <size_t>TABLE_START):
        raise ValueError(f"{len(first)} bytes given, the first {TABLE_START} of {payload_length} are needed")
    return prefix_size(content_type, <const unsigned char*>PyBytes_AS_STRING(first), payload_length)


@cython.final
@cython.auto_pickle(False)
cdef class Reading:
    """The two phases of decoding: the object is made from a prefix, then its buffers are copied from the payload.

    Args:
        content_type: How the payload is to be read.
        prefix: A copy of its first `needed_prefix` bytes, or more.
        payload_length: Of the whole payload.

    Raises:
        Corrupted: These bytes are no value.
        MissingDependency: It is an array and numpy cannot be imported.
    """

    cdef Decoder decoder
    cdef object value
    cdef bint open
    cdef size_t payload_length

    def __init__(self, uint32_t content_type, bytes prefix, size_t payload_length):
        if self.open:
            raise RuntimeError("a Reading is made once")
        cdef size_t needed = needed_prefix(content_type, prefix, payload_length)
        if <size_t>len(prefix) < needed:
            raise ValueError(f"a prefix of {len(prefix)} bytes given, {needed} are needed")
        self.value = decode_payload(
            &self.decoder, content_type, <const unsigned char*>PyBytes_AS_STRING(prefix), len(prefix), payload_length
        )
        self.payload_length = payload_length
        self.open = True

    def __dealloc__(self):
        if self.open:
            release_decoder(&self.decoder)

    def fetch(self, object payload):
        """Copy the buffers and return the value; a pickle as ``(head, buffers)``. Can be called once."""
        cdef Py_buffer region
        if not self.open:
            raise RuntimeError("the value of this Reading was fetched already")
        PyObject_GetBuffer(payload, &region, PyBUF_SIMPLE)
        try:
            if <size_t>region.len < self.payload_length:
                raise ValueError(f"a payload of {region.len} bytes given, {self.payload_length} are needed")
            fetch_all(&self.decoder, <const unsigned char*>region.buf)
        finally:
            PyBuffer_Release(&region)
        self.open = False
        release_decoder(&self.decoder)
        value, self.value = self.value, None
        return value


def loads(uint32_t content_type, bytes payload):
    """Decode a payload. Pickles run code: give only payloads that you trust.

    Raises:
        Corrupted: These bytes are no value.
        MissingDependency: It holds an array and numpy cannot be imported.
    """
    value = Reading(content_type, payload, len(payload)).fetch(payload)
    return pickled.loads(*value) if is_pickle(content_type) else value


def view(uint32_t content_type, bytes payload):
    """Look at a payload that is one bytes object or one array, in place and read-only; None for any other."""
    place = view_of(content_type, <const unsigned char*>PyBytes_AS_STRING(payload), len(payload), len(payload))
    return None if place is None else place.over(payload)


def repeat_encode(object value, size_t capacity, size_t times):
    """Encode a plain value `times` times, as the binding does: for benchmarks."""
    cdef Encoder encoder
    cdef bytes payload = PyBytes_FromStringAndSize(NULL, capacity)
    cdef unsigned char* out = <unsigned char*>PyBytes_AS_STRING(payload)
    for _ in range(times):
        if encode_plain(&encoder, value, out, capacity) != ENCODED:
            raise ValueError(f"a {type(value).__name__} that is not plain or larger than {capacity} bytes")
        write_encoded(&encoder, out)
        release_encoder(&encoder)


def repeat_decode(uint32_t content_type, bytes payload, size_t times):
    """Decode a payload `times` times, as the binding does: for benchmarks."""
    cdef Decoder decoder
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(payload)
    for _ in range(times):
        _value = decode_payload(&decoder, content_type, start, len(payload), len(payload))
        fetch_all(&decoder, start)
        release_decoder(&decoder)
        _value = None  # its memory is free for the next one

"""Values to bytes, in one pass.

How a caller writes a value into ``capacity`` bytes at ``out``::

    cdef Encoder encoder
    outcome = encode_plain(&encoder, value, out, capacity)
    if outcome == NOT_PLAIN:
        head, buffers = pickled.dumps(value, protocol)
        outcome = encode_pickled(&encoder, head, buffers, capacity)
    if outcome == TOO_LARGE:
        ...                             # needs encoder.payload_length bytes
    else:
        write_encoded(&encoder, out)    # nothing left to do where the head alone is the payload
        release_encoder(&encoder)
    # encoder.content_type, encoder.payload_length

An exception or an outcome other than ENCODED leaves nothing to release; ``release_encoder`` may be called then, too.
What was written to ``out`` before TOO_LARGE, NOT_PLAIN or an exception means nothing. Buffers lie at multiples of 64
bytes from ``out``. An Encoder points into itself: it must stay where it is.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t

from memlane.codec.payload cimport BufferList
from memlane.codec.writer cimport Writer

ctypedef struct Encoder:
    Writer writer
    BufferList buffers
    # The pickle that the head lies in (a strong reference), or NULL.
    PyObject* pickle
    uint32_t content_type
    # Of the whole payload; with TOO_LARGE what it would need.
    size_t payload_length
    # Where its first buffer begins; 0 where it has none.
    size_t first_buffer
    # More than zero while a dict key is encoded: keys are hashed before buffers are fetched.
    int keys

cdef int encode_plain(Encoder* encoder, object value, unsigned char* out, size_t capacity) except -1
cdef int encode_pickled(Encoder* encoder, bytes head, list buffers, size_t capacity) except -1
cdef void write_encoded(Encoder* encoder, unsigned char* out) noexcept
cdef void write_outline(Encoder* encoder, unsigned char* out) noexcept
cdef void release_encoder(Encoder* encoder) noexcept

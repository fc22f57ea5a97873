"""Bytes to values, bounded and in two phases.

How a caller reads a payload that others may overwrite meanwhile::

    length = prefix_size(content_type, first, payload_length)    # first: private copy of its first 8 bytes
    ...                                 # copy `length` bytes to private memory, check the version
    cdef Decoder decoder
    value = decode_payload(&decoder, content_type, prefix, length, payload_length)
    try:
        fetch_all(&decoder, payload)    # each buffer is read exactly once, into its final place
    finally:
        release_decoder(&decoder)
    ...                                 # check the version again; where it changed, drop `value` and retry
    if content_type is CONTENT_PICKLE or CONTENT_PICKLE_BUFFERS:
        value = pickled.loads(*value)

For pickles ``value`` is ``(bytes, list of bytearray)``. Until the version was checked, nothing may look into ``value``.
An exception leaves nothing to release; ``release_decoder`` may be called then, too.
A caller that has a private copy of the whole payload gives it as prefix and as payload: ``prefix_length`` may be larger
than ``prefix_size`` says.
"""

from libc.stdint cimport uint32_t

from memlane.codec.payload cimport FetchList
from memlane.codec.reader cimport Reader

ctypedef struct Decoder:
    Reader reader
    FetchList fetches
    # Values that the containers around still expect; each takes one byte or more.
    size_t owed
    # More than zero while a dict key is decoded.
    int keys

cdef object decode_payload(
    Decoder* decoder, uint32_t content_type, const unsigned char* prefix, size_t prefix_length, size_t payload_length
)
cdef void fetch_all(const Decoder* decoder, const unsigned char* payload) noexcept
cdef void release_decoder(Decoder* decoder) noexcept

# cython: freethreading_compatible=True
"""What describes an exception, as plain bytes: it is only ever read by the plain codec."""

from cpython.bytes cimport PyBytes_AS_STRING

from memlane._native.message cimport plain_message, read_message
from memlane.codec.plain cimport CONTENT_PLAIN


def pack(tuple description):
    """Encode it; None where it is not plain, or holds large buffers."""
    return plain_message(description)


def unpack(bytes payload):
    """Decode it. Raises `Corrupted` for what is none."""
    return read_message(PyBytes_AS_STRING(payload), len(payload), CONTENT_PLAIN)

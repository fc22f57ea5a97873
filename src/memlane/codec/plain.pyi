"""The codec for Python callers: tests, tools and benchmarks. The binding uses ``plain.pxd``."""

from typing import Any, Literal, final

import numpy as np
from typing_extensions import Buffer

PLAIN: int
PLAIN_BUFFERS: int
PICKLE: int
PICKLE_BUFFERS: int

def dumps(value: object) -> tuple[int, bytes] | None:
    """Encode a value.

    Returns:
        The content type and the payload, or None where the value is not plain.
    """

def dumps_pickled(value: object, protocol: int) -> tuple[int, bytes]:
    """Pickle a value and lay the pickle out as a payload.

    Returns:
        The content type and the payload.
    """

def encode_into(out: Buffer, value: object) -> tuple[Literal["encoded", "not plain", "too large"], int, int]:
    """Encode a value to the beginning of a writable buffer.

    Returns:
        What came of it, the content type, and the length of the payload or the length that it would need.
    """

def needed_prefix(content_type: int, first: bytes, payload_length: int) -> int:
    """Tell how many bytes of a payload `Reading` needs, from its first 8 bytes (or all of a shorter one)."""

@final
class Reading:
    """The two phases of decoding: the object is made from a prefix, then its buffers are copied from the payload.

    Args:
        content_type: How the payload is to be read.
        prefix: A copy of its first `needed_prefix` bytes, or more.
        payload_length: Of the whole payload.

    Raises:
        Corrupted: These bytes are no value.
        MissingDependency: It is an array and numpy cannot be imported.
    """

    def __init__(self, content_type: int, prefix: bytes, payload_length: int) -> None: ...
    def fetch(self, payload: Buffer) -> Any:
        """Copy the buffers and return the value; a pickle as ``(head, buffers)``. Can be called once."""

def loads(content_type: int, payload: bytes) -> Any:
    """Decode a payload. Pickles run code: give only payloads that you trust.

    Raises:
        Corrupted: These bytes are no value.
        MissingDependency: It holds an array and numpy cannot be imported.
    """

def view(content_type: int, payload: bytes) -> memoryview | np.ndarray[Any, Any] | None:
    """Look at a payload that is one bytes object or one array, in place and read-only; None for any other."""

def repeat_encode(value: object, capacity: int, times: int) -> None:
    """Encode a plain value `times` times, as the binding does: for benchmarks."""

def repeat_decode(content_type: int, payload: bytes, times: int) -> None:
    """Decode a payload `times` times, as the binding does: for benchmarks."""

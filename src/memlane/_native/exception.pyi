"""What describes an exception, as plain bytes: it is only ever read by the plain codec."""

from typing import Any

def pack(description: tuple[Any, ...]) -> bytes | None:
    """Encode it; None where it is not plain, or holds large buffers."""

def unpack(payload: bytes) -> Any:
    """Decode it. Raises `Corrupted` for what is none."""

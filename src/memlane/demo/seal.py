"""What travels with each payload, so that its reader can tell a whole value from a torn one."""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32


class Torn(Exception):
    """The bytes that were read are not those of one write."""


class Sealed(NamedTuple):
    """A payload, and the write that it came from. Times are nanoseconds of ``CLOCK_MONOTONIC``."""

    life: int
    """The writer's: it counts how often that role was started."""
    number: int
    """Counts the writes of that life, from 1."""
    began: int
    """When that life wrote for the first time."""
    stamp: int
    """When this write began."""
    payload: Any
    """A C-contiguous array, or a dict of numbers and text."""


def seal(sealed: Sealed) -> tuple[Any, ...]:
    """Return what is put into shared memory: the parts, and the checksum of all of them."""
    return (*sealed, checksum(sealed))


def unseal(value: Any) -> Sealed:
    """Return the parts of what was read. Raises `Torn` unless they are exactly what one writer sealed."""
    if not isinstance(value, tuple) or len(value) != len(Sealed._fields) + 1:
        raise Torn(f"not a sealed value but {type(value).__name__}")
    sealed = Sealed(*value[:-1])
    found = checksum(sealed)
    if found != value[-1]:
        raise Torn(
            f"checksum {found:#010x}, sealed with {value[-1]!r}: write {sealed.number!r} of life {sealed.life!r}"
        )
    return sealed


def checksum(sealed: Sealed) -> int:
    """Return the CRC-32 of everything that was sealed: of an array the kind and the bytes, of a dict its text.

    Raises:
        Torn: The payload is neither: nobody seals that.
    """
    payload = sealed.payload
    head = crc32(repr(sealed[:-1]).encode())
    if isinstance(payload, dict):
        return crc32(repr(payload).encode(), head)
    if not hasattr(payload, "dtype"):
        raise Torn(f"a payload of type {type(payload).__name__}, which nobody sealed")
    return crc32(payload, crc32(repr((payload.dtype.str, payload.shape)).encode(), head))

"""What travels with each payload, so that its reader can tell a whole value from a torn one.

A value is a struct: a seal, what is sealed, and a checksum of all bytes before it, which a program in C or C++ computes
as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


class Torn(Exception):
    """The bytes that were read are not those of one write."""


class Seal(NamedTuple):
    """The write that a payload came from. Times are nanoseconds of ``CLOCK_MONOTONIC``."""

    life: int
    """The writer's: it counts how often that role was started."""
    number: int
    """Counts the writes of that life, from 1."""
    began: int
    """When that life wrote for the first time."""
    stamp: int
    """When this write began."""


def sealed_format(*fields: tuple[Any, ...]) -> np.dtype[Any]:
    """Return the format of sealed values with these fields, laid out as C compilers do it."""
    seal_format = np.dtype([(name, "i8") for name in Seal._fields], align=True)
    return np.dtype([("seal", seal_format), *fields, ("checksum", "u4")], align=True)


def seal(value_format: np.dtype[Any], write: Seal, payload: Mapping[str, Any]) -> Any:
    """Return what is put into shared memory. *payload* has a value for each field."""
    value = np.zeros((), value_format)
    value["seal"] = write
    for field, content in payload.items():
        value[field] = content
    value["checksum"] = checksum(value)
    return value


def unseal(value: Any) -> Seal:
    """Return which write a value came from. Raises `Torn` unless it is exactly what one writer sealed."""
    write = Seal(*value["seal"].item())
    found = checksum(value)
    if found != value["checksum"]:
        raise Torn(
            f"checksum {found:#010x}, sealed with {value['checksum']:#010x}: write {write.number} of life {write.life}"
        )
    return write


def checksum(value: Any) -> int:
    """Return the CRC-32 of all bytes that stand before the checksum."""
    _, place = value.dtype.fields["checksum"]
    every: Any = np.frombuffer(value, np.uint8)
    return crc32(every[:place])

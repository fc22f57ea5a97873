"""One thing that was seen of an object: a value, or bytes of a stream."""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEAD = struct.Struct("<QQQQII")  # docs/format/recording.md


class Sample(NamedTuple):
    """What was seen, and what passed unseen just before."""

    log_time: int
    """When it was written (a value) or seen (bytes of a channel): nanoseconds, on the clock of the recording."""
    number: int
    """Of a value its version; of bytes the stream position of the first one."""
    missed: int
    """Values or bytes that were written and gone before this one was seen."""
    monotonic_ns: int
    """``CLOCK_MONOTONIC`` of the recorded machine, when the value was written or the bytes were seen."""
    real_ns: int
    """Its wall clock at that moment."""
    mark: int
    """What the bytes are, as the object has it: docs/format/plain-codec.md and field-table.md."""
    payload: bytes

    def packed(self) -> bytes:
        """Return the data of the message that says this."""
        head = _HEAD.pack(self.number, self.missed, self.monotonic_ns, self.real_ns, self.mark, 0)
        return head + self.payload

    @classmethod
    def unpacked(cls, log_time: int, data: bytes) -> Sample:
        """Return what a message says.

        Raises:
            ValueError: Its data are shorter than what each begins with.
        """
        if len(data) < _HEAD.size:
            raise ValueError(f"a message of {len(data)} bytes, and each begins with {_HEAD.size}")
        number, missed, monotonic_ns, real_ns, mark, _ = _HEAD.unpack_from(data)
        return cls(log_time, number, missed, monotonic_ns, real_ns, mark, data[_HEAD.size :])

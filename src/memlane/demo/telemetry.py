"""The channel by which the model says how it fares: lines of text, whose loss or repetition would be noticed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, final
from zlib import crc32

import memlane
from memlane.demo.report import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memlane.demo.report import Reports


class Line(NamedTuple):
    """One line of the stream."""

    life: int
    """The speaker's."""
    number: int
    """Counts the lines of that life, from 1."""
    text: str


def encoded(line: Line) -> bytes:
    """Return the bytes of a line: a checksum, and what it is of."""
    said = f"{line.life} {line.number} {line.text}".encode()
    return b"%08x %b\n" % (crc32(said), said)


def decoded(line: bytes) -> Line | None:
    """Return what the bytes of a line say, without the end of the line; None when they are not one line."""
    found, _, said = line.partition(b" ")
    if found != b"%08x" % crc32(said):
        return None
    life, number, text = said.decode().split(" ", 2)
    return Line(int(life), int(number), text)


@final
class Speaker:
    """The writing end, in the model."""

    def __init__(self, channel: memlane.Channel, life: int, reports: Reports) -> None:
        self._channel = channel
        self._life = life
        self._reports = reports
        self._number = 0

    def say(self, text: str) -> None:
        """Write a line whole, or, killed, not at all; report it when it is there."""
        self._number += 1
        line = encoded(Line(self._life, self._number, text))
        with self._channel.reserve(len(line)) as room:
            room[:] = line
        self._reports.send(Said(self._number, time.monotonic_ns()))


@final
class Hearer:
    """The reading end, in the supervisor."""

    def __init__(self, channel: memlane.Channel) -> None:
        self._channel = channel
        self._room = bytearray(channel.status().bufSz)
        self._unread = b""

    def take(self) -> Iterator[bytes]:
        """Return the lines that have arrived since the last time."""
        try:
            count = self._channel.read(self._room, len(self._room))
        except memlane.OppositeEndClosedError:
            return  # killed, and all that it had said was heard: the next one is on its way
        *lines, self._unread = (self._unread + self._room[:count]).split(b"\n")
        yield from lines


@final
class Telemetry:
    """What was said and heard."""

    def __init__(self) -> None:
        self.heard = 0
        """Lines."""
        self.last: Line | None = None
        self.wrong = 0
        """Lines that were damaged, lost or doubled, as far as others after them have shown."""
        self._said: dict[int, int] = {}
        self._heard: dict[int, int] = {}

    def said(self, life: int, report: Said) -> None:
        """Learn that lines up to a number must arrive."""
        self._said[life] = report.number

    def hear(self, line: bytes) -> None:
        """Take a line."""
        self.heard += 1
        found = decoded(line)
        self.last = found or self.last
        if found is None or found.number != self._heard.get(found.life, 0) + 1:
            self.wrong += 1
        if found is not None:
            self._heard[found.life] = found.number

    @property
    def lost(self) -> int:
        """Lines that were acknowledged and did not arrive, once all have."""
        return sum(max(said - self._heard.get(life, 0), 0) for life, said in self._said.items())

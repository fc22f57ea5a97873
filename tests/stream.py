"""A stream of bytes whose every part follows from its position, and storms that kill those who carry it.

Whoever writes asks its end for the position and writes what belongs there; whoever reads compares. A byte that is lost
or doubled shifts all that follow.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from memlane import CHAN_R, CHAN_W, Channel, OppositeEndClosedError, OppositeEndDiedError, open_channel
from tests.peer import wait_until
from tests.storm import fork, kill

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD = 65_521
"""A prime: no capacity and no size of a test hides a shift."""

LONGEST = 3_000
"""Bytes of the longest operation of a storm."""

CAPACITY = 1_000
READER, WRITER = CHAN_R, CHAN_W


class Stream:
    """Bytes of a seed."""

    def __init__(self, seed: int) -> None:
        self._bytes = Random(seed).randbytes(PERIOD)
        self._bytes += self._bytes[:LONGEST]

    def part(self, position: int, size: int) -> bytes:
        """Return ``size`` bytes, at most `LONGEST`, from the position on."""
        start = position % PERIOD
        return self._bytes[start : start + size]


class Marks:
    """What a killed process leaves behind, for each end: whether it was inside an operation, and what it confirmed."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._words = memoryview(self._page).cast("Q")

    def close(self) -> None:
        """Give the page back."""
        self._words.release()
        self._page.close()

    def enter(self, end: int) -> None:
        """Mark that an operation begins."""
        self._words[2 * end] = 1

    def confirm(self, end: int, position: int) -> None:
        """Mark that it returned, and where the end stands."""
        self._words[2 * end + 1] = position
        self._words[2 * end] = 0

    def confirmed(self, end: int) -> int:
        """Return the last position that was confirmed."""
        return self._words[2 * end + 1]

    def was_inside(self, end: int) -> bool:
        """Say whether an operation had begun and not returned."""
        return self._words[2 * end] == 1


def write_part(channel: Channel, stream: Stream, generator: Random) -> None:
    """Write the next bytes, in one of the ways that there are."""
    size = generator.randint(1, LONGEST)
    if size <= CAPACITY and generator.random() < 0.3:
        with channel.reserve(size) as view:
            view[:] = stream.part(channel.position, size)
    elif generator.random() < 0.3:
        channel.write_some(stream.part(channel.position, size))
    else:
        channel.write(stream.part(channel.position, size))


def read_part(channel: Channel, stream: Stream, generator: Random) -> None:
    """Read the next bytes, in one of the ways that there are, and compare."""
    size = generator.randint(1, LONGEST)
    position = channel.position
    if generator.random() < 0.3:
        with channel.peek() as view:
            found = bytes(view)
    else:
        found = channel.read_bytes(size)
    expected = stream.part(position, len(found))
    assert found == expected, f"{len(found)} bytes from {position} on are not those of the stream"


PARTS: dict[int, Callable[[Channel, Stream, Random], None]] = {READER: read_part, WRITER: write_part}


def carry_until_killed(name: str, end: int, seed: int, life: int, marks: Marks) -> None:
    """Take an end where its former owner stopped, and go on."""
    stream, generator = Stream(seed), Random(life)
    channel = open_channel(name, end, create=False)
    confirmed = marks.confirmed(end)
    taken = channel.position - confirmed
    assert 0 <= taken <= LONGEST, f"the end stands at {channel.position}, its last owner confirmed {confirmed}"
    marks.confirm(end, channel.position)
    while True:
        marks.enter(end)
        with contextlib.suppress(OppositeEndClosedError):  # until the other one's successor comes
            PARTS[end](channel, stream, generator)
        marks.confirm(end, channel.position)


@dataclass
class Toll:
    """What a storm came to."""

    kills: int = 0
    inside: int = 0
    bytes_carried: int = 0
    taken_over: int = 0
    """Ends that were claimed from the dead; the others were cleaned up before, by whoever attached."""


def rage(name: str, kills: int, seed: int) -> Toll:
    """Kill reader and writer in turn, in mid-stream, each so many times, and replace them; then read what is left."""
    generator, marks, toll = Random(seed), Marks(), Toll()
    open_channel(name, CHAN_W, CAPACITY, persistent=True).close()

    def start(end: int) -> int:
        life = generator.getrandbits(32)
        return fork(lambda: carry_until_killed(name, end, seed, life, marks))

    owners = {end: start(end) for end in (READER, WRITER)}
    for number in range(2 * kills):
        end = (READER, WRITER)[number % 2]
        select.select([], [], [], 0.001 + generator.random() * 0.002)  # a random moment, not a synchronisation
        assert kill(owners[end]) == signal.SIGKILL, "a carrier ended by itself: see its traceback"
        toll.kills += 1
        toll.inside += marks.was_inside(end)
        owners[end] = start(end)
    for end in (WRITER, READER):
        assert kill(owners[end]) == signal.SIGKILL
    drain(name, seed, marks, toll)
    marks.close()
    return toll


def drain(name: str, seed: int, marks: Marks, toll: Toll) -> None:
    """Read what the storm left, and compare it."""
    stream = Stream(seed)
    with open_channel(name, CHAN_R, create=False) as reader:
        left = reader.stats().filled
        position = reader.position
        assert reader.read_bytes(left) == stream.part(position, left)
        assert position >= marks.confirmed(READER)
        assert reader.position >= marks.confirmed(WRITER)
        toll.bytes_carried = reader.position
        toll.taken_over = reader.stats().recovered
        reader.unlink()


def read_a_little_and_die(name: str, generator: Random, died: memoryview) -> None:
    """Take the reader's end, let the writer fill the channel again, and die at a random moment."""
    channel = open_channel(name, CHAN_R, create=False)
    channel.read_bytes(1)
    died[1] = os.getpid()
    select.select([], [], [], generator.random() * 0.004)  # a random moment, not a synchronisation
    died[0] = time.monotonic_ns()
    os.kill(os.getpid(), signal.SIGKILL)


def delays_of_a_blocked_writer(name: str, kills: int, seed: int) -> list[float]:
    """Let reader after reader die while the writer waits for room, and return how late it learned of it, in seconds."""
    generator, delays = Random(seed), []
    with (
        mmap.mmap(-1, mmap.PAGESIZE) as page,
        memoryview(page).cast("Q") as died,
        open_channel(name, CHAN_W, CAPACITY) as writer,
    ):
        writer.write(bytes(CAPACITY))
        for _ in range(kills):
            life = Random(generator.getrandbits(32))
            reader = fork(lambda life=life: read_a_little_and_die(name, life, died))  # type: ignore[misc]
            wait_until(lambda pid=reader: died[1] == pid, "the reader has the channel")  # type: ignore[misc]
            try:
                writer.write(bytes(2 * CAPACITY))
            except OppositeEndDiedError:
                delays.append((time.monotonic_ns() - died[0]) / 1e9)
            assert os.WTERMSIG(os.waitpid(reader, 0)[1]) == signal.SIGKILL, "a reader ended by itself"
        writer.unlink()
    return delays

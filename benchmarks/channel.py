"""Time a channel against os.pipe: two processes on two processors, one to one, interleaved; the median round counts.

    python benchmarks/channel.py [--rounds 5] [scenario ...]

Scenarios: ``bulk`` (S8), 1 MiB writes through 64 KiB; ``small`` (S8), 7-byte writes with 9-byte reads; ``message``
(S2), 64 bytes one way; ``batch`` (S2), 64 of those in each write and read; ``kilobyte`` (S2b), 1 KiB one way; ``round
trip`` (S1), 64 bytes there and back; ``asleep`` (S1b), the same with 1 ms between, in which both ends fall asleep. The
receiver of ``bulk`` reads into one buffer.
Absolute times belong to this machine and this hour: the ratios are what can be compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from random import Random
from typing import TYPE_CHECKING, Protocol

from memlane import CHAN_R, CHAN_W, open_channel

if TYPE_CHECKING:
    from collections.abc import Callable

CAPACITY = 65_536
MIB = 1 << 20


class Way(Protocol):
    """One way of carrying bytes, one direction."""

    def to_write(self) -> Callable[[bytes], object]:
        """Return what writes all of some bytes."""

    def to_read(self) -> Callable[[int], bytes]:
        """Return what reads exactly so many bytes."""

    def to_fill(self) -> Callable[[memoryview], int]:
        """Return what reads into a buffer and says how much."""


class ThroughChannel:
    """A channel of 64 KiB."""

    def __init__(self, name: str) -> None:
        self._name = name

    def to_write(self) -> Callable[[bytes], object]:
        """Open the writer."""
        self._end = open_channel(self._name, CHAN_W, CAPACITY)
        return self._end.write

    def to_read(self) -> Callable[[int], bytes]:
        """Open the reader."""
        self._end = open_channel(self._name, CHAN_R, CAPACITY)
        return self._end.read_bytes

    def to_fill(self) -> Callable[[memoryview], int]:
        """Open the reader."""
        self._end = open_channel(self._name, CHAN_R, CAPACITY)
        return self._end.readinto


class ThroughPipe:
    """A pipe, which holds 64 KiB too."""

    def __init__(self, _name: str) -> None:
        self._reading_end, self._writing_end = os.pipe()

    def to_write(self) -> Callable[[bytes], object]:
        """Write all, as a blocking pipe does."""
        end = self._writing_end
        return lambda data: os.write(end, data)

    def to_read(self) -> Callable[[int], bytes]:
        """Small reads come whole while the writer is ahead; the rest is asked for."""
        end, read = self._reading_end, os.read

        def read_all(size: int) -> bytes:
            data = read(end, size)
            while len(data) < size:
                data += read(end, size - len(data))
            return data

        return read_all

    def to_fill(self) -> Callable[[memoryview], int]:
        """Read into the buffer."""
        end = self._reading_end
        return lambda view: os.readv(end, [view])


WAYS: dict[str, Callable[[str], Way]] = {"memlane": ThroughChannel, "os.pipe": ThroughPipe}


def bulk(there: Way, _back: Way, role: int) -> float:
    """Return GB/s."""
    count, block = 1000, Random(1).randbytes(MIB)  # noqa: S311  (no secret)
    if role == 0:
        write = there.to_write()
        for _ in range(count):
            write(block)
        return 0.0
    fill, total, view = there.to_fill(), 0, memoryview(bytearray(MIB))
    total += fill(view)
    began = time.perf_counter()
    while total < count * MIB:
        size = fill(view)
        total += size
    spent = time.perf_counter() - began
    if view[:size] != memoryview(block)[MIB - size :]:
        raise AssertionError("other bytes came")
    return total / spent / 1e9


def one_way(size: int, read_size: int, count: int, there: Way, role: int) -> float:
    """Return millions of writes a second."""
    if role == 0:
        write, data = there.to_write(), bytes(size)
        for _ in range(count):
            write(data)
        return 0.0
    read, reads = there.to_read(), count * size // read_size
    read(read_size)
    began = time.perf_counter()
    for _ in range(reads - 1):
        read(read_size)
    return count / (time.perf_counter() - began) / 1e6


def small(there: Way, _back: Way, role: int) -> float:
    """Return millions of writes a second; each has 7/9 of a read."""
    return one_way(7, 9, 900_000, there, role)


def message(there: Way, _back: Way, role: int) -> float:
    """Return millions of messages a second."""
    return one_way(64, 64, 500_000, there, role)


def batch(there: Way, _back: Way, role: int) -> float:
    """Return millions of messages a second, 64 of which are written and read at once."""
    return 64 * one_way(64 * 64, 64 * 64, 100_000, there, role)


def kilobyte(there: Way, _back: Way, role: int) -> float:
    """Return millions of messages a second."""
    return one_way(1024, 1024, 500_000, there, role)


def round_trips(count: int, pause: float, there: Way, back: Way, role: int) -> float:
    """Return the median of so many, in microseconds."""
    data = bytes(range(64))
    if role == 0:
        read, write = there.to_read(), back.to_write()
        for _ in range(count):
            write(read(64))
        return 0.0
    write, read = there.to_write(), back.to_read()
    found = []
    for _ in range(count):
        began = time.perf_counter()
        write(data)
        came = read(64)
        found.append((time.perf_counter() - began) * 1e6)
        if came != data:
            raise AssertionError("other bytes came back")
        if pause:
            time.sleep(pause)
    return statistics.median(found)


def round_trip(there: Way, back: Way, role: int) -> float:
    """Return microseconds."""
    return round_trips(50_000, 0.0, there, back, role)


def asleep(there: Way, back: Way, role: int) -> float:
    """Return microseconds."""
    return round_trips(500, 0.001, there, back, role)


SCENARIOS: dict[str, tuple[Callable[[Way, Way, int], float], str]] = {
    "bulk": (bulk, "GB/s"),
    "small": (small, "million writes/s"),
    "message": (message, "million messages/s"),
    "batch": (batch, "million messages/s"),
    "kilobyte": (kilobyte, "million messages/s"),
    "round trip": (round_trip, "us"),
    "asleep": (asleep, "us"),
}


PROCESSORS = sorted(os.sched_getaffinity(0))  # before any pinning, which a forked process inherits


def pin(number: int) -> None:
    """Stay on one processor, where there are two."""
    os.sched_setaffinity(0, {PROCESSORS[number % len(PROCESSORS)]})


def measure(scenario: Callable[[Way, Way, int], float], make: Callable[[str], Way]) -> float:
    """Run one round: a forked child plays role 0, this process role 1."""
    there, back = make("there"), make("back")
    child = os.fork()
    if child == 0:
        pin(1)
        scenario(there, back, 0)
        os._exit(0)
    pin(0)
    figure = scenario(there, back, 1)
    os.waitpid(child, 0)
    os.sched_setaffinity(0, PROCESSORS)
    return figure


def main() -> None:
    """Measure what was asked for and print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        os.environ["MEMLANE_DIR"] = directory
        for name in arguments.scenarios or SCENARIOS:
            scenario, unit = SCENARIOS[name]
            figures: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(arguments.rounds):
                for way, make in WAYS.items():
                    figures[way].append(measure(scenario, make))
            ours, peer = (statistics.median(figures[way]) for way in WAYS)
            spread = " ".join(f"{figure:.2f}" for figure in sorted(figures["memlane"]))
            ratio = peer / ours if unit == "us" else ours / peer
            print(f"{name:12} {ours:8.2f} {peer:8.2f} {unit:20} ratio {ratio:6.2f}   ({spread})", flush=True)


if __name__ == "__main__":
    main()

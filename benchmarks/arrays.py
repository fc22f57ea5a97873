"""Measure how fast arrays go from one process to another, beside the plain copy of their bytes.

    python benchmarks/arrays.py [--rounds 9] [--size 1M,5M]

- copied: put and get in one process against an unsynchronised copy into a shared mapping and out of it, nothing else
- handed over: there and back between two processes on two processors, half of it; copied, and in place (loan and view),
  where only the first and the last element are touched. The peer is a shared mapping with a pair of semaphores, which
  survives no death; others are not installed, and named as such

Contenders take turns within each round, and the median round counts. Absolute times belong to this machine and this
hour: the ratios are what can be compared.
"""

from __future__ import annotations

import argparse
import mmap
import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from channel import pin

from memlane import NumpyShare
from memlane.sizes import size_in_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = multiprocessing.get_context("fork")
ROUND_SECONDS = 0.15
WARM_UPS = 20


class Link(NamedTuple):
    """One way to give arrays away and to take them, in one direction."""

    give: Callable[[Any], None]
    take: Callable[[], Any]


class Share:
    """memlane, copied or in place."""

    def __init__(self, name: str, size: int, *, in_place: bool) -> None:
        self.giver, self.taker = NumpyShare(name, size, "put"), NumpyShare(name, size, "get")
        self.in_place = in_place

    def give(self, array: Any) -> None:
        """Put an array; in place: loan one and touch its ends."""
        if not self.in_place:
            self.giver.put(array)
            return
        with self.giver.loan(array.shape, array.dtype) as loaned:
            loaned[0] = loaned[-1] = 1

    def take(self) -> Any:
        """Get the next array and touch its ends."""
        array = self.taker.get(copy=not self.in_place)
        return array[0] + array[-1]


class Mapping:
    """A shared mapping and a pair of semaphores: what people write themselves. Whoever dies blocks the other one."""

    def __init__(self, size: int, *, in_place: bool) -> None:
        self.shared = np.frombuffer(mmap.mmap(-1, size), np.float32)
        self.shared[:] = 0
        self.empty, self.full = CONTEXT.Semaphore(1), CONTEXT.Semaphore(0)
        self.in_place = in_place

    def give(self, array: Any) -> None:
        """Copy an array in, or touch the ends of the shared one."""
        self.empty.acquire()
        if self.in_place:
            self.shared[0] = self.shared[-1] = 1
        else:
            self.shared[:] = array
        self.full.release()

    def take(self) -> Any:
        """Copy the array out, or touch the ends of the shared one."""
        self.full.acquire()
        array = self.shared if self.in_place else self.shared.copy()
        total = array[0] + array[-1]
        self.empty.release()
        return total


def two_mappings(size: int) -> tuple[Any, Any]:
    """Return the same shared memory twice, as a writer and as a reader have it."""
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        os.posix_fallocate(file.fileno(), 0, size)
        written, read = (np.frombuffer(mmap.mmap(file.fileno(), size), np.float32) for _ in range(2))
    written[:] = 0
    return written, read


def copy_both_ways(size: int) -> dict[str, Callable[[], object]]:
    """Return one hand-over within this process: by memlane, and as nothing but copies.

    Plain copies go through two places in turn, as whoever keeps the old value until the new one is whole must; through
    one place they stay in the caches, and tear.
    """
    array = np.ones(size // 4, np.float32)
    giver, taker = NumpyShare(f"copied-{size}", size, "put"), NumpyShare(f"copied-{size}", size, "get")
    places = [two_mappings(size), two_mappings(size)]

    def by_memlane() -> object:
        giver.put(array)
        return taker.get()

    def through(written: Any, read: Any) -> object:
        written[:] = array
        return read.copy()

    def through_two() -> object:
        places.reverse()
        return through(*places[0])

    only = two_mappings(size)
    return {"memlane": by_memlane, "two places": through_two, "one place": lambda: through(*only)}


def microseconds(work: Callable[[], object]) -> float:
    """Time one repetition, over a round."""
    times = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < ROUND_SECONDS:
        work()
        times += 1
    return (time.perf_counter() - begin) / times * 1e6


def echo(there: Link, back: Link, size: int) -> None:
    """Answer every array with one."""
    pin(1)
    array = np.ones(size // 4, np.float32)
    while True:
        there.take()
        back.give(array)


def there_and_back(there: Link, back: Link, size: int) -> tuple[Callable[[], object], int]:
    """Start the other process; return one round trip, and whom to end."""
    pid = os.fork()
    if pid == 0:
        try:
            echo(there, back, size)
        finally:
            os._exit(1)
    array = np.ones(size // 4, np.float32)

    def trip() -> object:
        there.give(array)
        return back.take()

    for _ in range(WARM_UPS):
        trip()
    return trip, pid


def medians(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Let all take turns, and return each one's median."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            taken[name].append(microseconds(work))
    return {name: statistics.median(times) for name, times in taken.items()}


def measure_copies(size: int, rounds: int) -> None:
    """Print the copies of one size."""
    found = medians(copy_both_ways(size), rounds)
    memlane = found.pop("memlane")
    print(f"{size / (1 << 20):4.0f} MiB copied in and out: memlane {memlane:8.1f} us", end="")
    for name, time_taken in found.items():
        print(f"; plain copies, {name} {time_taken:8.1f} us, {time_taken / memlane:.2f} x", end="")
    print()


def measure_hand_overs(size: int, rounds: int, *, in_place: bool) -> None:
    """Print the hand-overs of one size between two processes."""
    there_share, back_share = (Share(f"{way}-{size}-{in_place}", size, in_place=in_place) for way in ("there", "back"))
    ways: dict[str, tuple[Any, Any]] = {
        "memlane": (there_share, back_share),
        "mapping + semaphores": (Mapping(size, in_place=in_place), Mapping(size, in_place=in_place)),
    }
    trips: dict[str, Callable[[], object]] = {}
    pids = []
    for name, (there, back) in ways.items():
        trips[name], pid = there_and_back(Link(there.give, there.take), Link(back.give, back.take), size)
        pids.append(pid)
    found = medians(trips, rounds)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    peer = found["mapping + semaphores"]
    print(
        f"{size / (1 << 20):4.0f} MiB {'in place' if in_place else 'copied  '}, one way: memlane"
        f" {found['memlane'] / 2:8.1f} us, mapping + semaphores {peer / 2:8.1f} us, {peer / found['memlane']:.2f} x"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="arrays between processes")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", default="1M,5M", help="sizes, such as 64K,1M,5M")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as namespace:
        os.environ["MEMLANE_DIR"] = namespace
        pin(0)
        sizes = [size_in_bytes(size, "--size") for size in arguments.size.split(",")]
        for size in sizes:
            measure_copies(size, arguments.rounds)
        for in_place in (False, True):
            for size in sizes:
                measure_hand_overs(size, arguments.rounds, in_place=in_place)
    print("iceoryx2, SharedArray: not installed here")


if __name__ == "__main__":
    main()

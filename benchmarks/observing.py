"""Measure what looking costs those that are looked at: throughput with and without an observer beside them.

    python benchmarks/observing.py [--pairs 80] [--seconds 0.3] [--objects 1000] [-- COMMAND ...]

- S2: messages of 64 bytes one way, through a channel between two processes on two processors
- S4: a variable with a struct of five doubles, set by one process and got by another, on two processors
- `memlane.inspect` and `memlane ls` list many objects

The observer is ``memlane top``, which looks 50 times as often as it does by itself: what one look a second costs is
less than what rounds differ in anyway, and a fiftieth of the loss. Or it is the command that is given, whose loss
counts whole. It runs on a terminal of its own, wherever the scheduler puts it, and is stopped and continued for each
pair of rounds, so that each round differs from its neighbour in nothing else; the median of the pairs' ratios counts.
Rates come from the counters in shared memory, which are read before and after a round.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import multiprocessing
import os
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from memlane import CHAN_R, CHAN_W, HostVariable, ObjectNotFound, inspect, open_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTEXT = multiprocessing.get_context("fork")
PROCESSORS = sorted(os.sched_getaffinity(0))  # before any pinning, which a forked process inherits
SIZE = 64
ROUNDS_OF_LISTING = 9
MEMLANE = (sys.executable, "-m", "memlane")
OFTEN = 50
TOP = (*MEMLANE, "top", "--interval", str(1 / OFTEN))


class PoseObject(ctypes.Structure):
    """Five doubles."""

    _fields_ = [(name, ctypes.c_double) for name in ("x", "y", "z", "roll", "yaw")]


def write_messages() -> None:
    """Write for ever."""
    end, message = open_channel("stream", CHAN_W, 65_536), bytes(SIZE)
    while True:
        end.write(message)


def read_messages() -> None:
    """Read for ever."""
    end = open_channel("stream", CHAN_R, 65_536)
    while True:
        end.read_bytes(SIZE)


def set_pose() -> None:
    """Set for ever."""
    variable, pose = HostVariable("pose", data_format=PoseObject), PoseObject(1.5, -2.5, 3.5, 0.1, 0.2)
    while True:
        variable.data = pose


def get_pose() -> None:
    """Get for ever."""
    variable = HostVariable("pose", data_format=PoseObject)
    while True:
        _value = variable.data


class Scenario(NamedTuple):
    """Two processes that work on one object, and the counters that say how fast each is."""

    name: str
    work: tuple[Callable[[], None], Callable[[], None]]
    counters: tuple[str, ...]


SCENARIOS = {
    "S2": Scenario("stream", (write_messages, read_messages), ("reads",)),
    "S4": Scenario("pose", (set_pose, get_pose), ("writes", "reads")),
}


def run_pinned(work: Callable[[], None], processor: int) -> None:
    """Work on one processor."""
    os.sched_setaffinity(0, {PROCESSORS[processor % len(PROCESSORS)]})
    work()


@contextlib.contextmanager
def working(scenario: Scenario) -> Iterator[None]:
    """Let both processes work."""
    processes = [
        CONTEXT.Process(target=run_pinned, args=(work, processor), daemon=True)
        for processor, work in enumerate(scenario.work)
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def discard(terminal: int) -> None:
    """Read what a terminal shows until nobody is left who writes to it."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65_536):
            pass


@contextlib.contextmanager
def observing(command: list[str]) -> Iterator[int]:
    """Let the observer run, on a terminal; give its process id."""
    terminal, theirs = pty.openpty()
    reader = threading.Thread(target=discard, args=(terminal,))
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        reader.start()
        try:
            yield process.pid
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended with status {process.returncode}: nothing was observed")
        finally:
            process.kill()
    reader.join()
    os.close(terminal)


def rates(scenario: Scenario, seconds: float) -> list[float]:
    """Return how often each counter rises in a second."""
    before, began = inspect.look(scenario.name), time.perf_counter()
    time.sleep(seconds)
    after, spent = inspect.look(scenario.name), time.perf_counter() - began
    return [(after.counters[counter] - before.counters[counter]) / spent for counter in scenario.counters]


def wait_until_working(scenario: Scenario, seconds: float) -> None:
    """Wait until both processes work, and the observer had time to begin."""
    while True:
        time.sleep(seconds)
        with contextlib.suppress(ObjectNotFound):
            if all(rates(scenario, seconds)):
                return


def pair(scenario: Scenario, observer: int, seconds: float, *, observed_first: bool) -> tuple[list[float], list[float]]:
    """Return the rates of a round without the observer and of one with it."""
    found = {}
    for observed in (observed_first, not observed_first):
        os.kill(observer, signal.SIGCONT if observed else signal.SIGSTOP)
        found[observed] = rates(scenario, seconds)
    return found[False], found[True]


def print_cost(name: str, scenario: Scenario, command: list[str], pairs: int, seconds: float) -> None:
    """Measure one scenario and print what the observer takes from each rate."""
    with working(scenario), observing(command or list(TOP)) as observer:
        wait_until_working(scenario, seconds)
        found = [pair(scenario, observer, seconds, observed_first=bool(number % 2)) for number in range(pairs)]
    for index, counter in enumerate(scenario.counters):
        without = statistics.median(alone[index] for alone, _ in found)
        losses = [1 - observed[index] / alone[index] for alone, observed in found]
        low, median, high = statistics.quantiles(losses, n=4)
        whole = f"{name} {counter}: {without / 1e6:.2f} million/s; observed {median:.1%} less ({low:.1%} to {high:.1%})"
        one = "" if command else f"; by one look a second {median / OFTEN:.2%} less"
        print(f"{whole}{one}; at most 1 %", flush=True)


def milliseconds(work: Callable[[], object]) -> float:
    """Time the median of some rounds."""
    spent = []
    for _ in range(ROUNDS_OF_LISTING):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1e3


def print_listing(directory: str, count: int) -> None:
    """Print how long it takes to list many objects, within Python and as a command."""
    with contextlib.ExitStack() as stack:
        for number in range(count):
            stack.enter_context(HostVariable(f"object {number}", directory=directory))
        command = (*MEMLANE, "ls", "--directory", directory)
        listed = milliseconds(lambda: inspect.objects(directory))
        shown = milliseconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    print(f"{count} objects: inspect.objects() {listed:.0f} ms, memlane ls {shown:.0f} ms; at most 200 ms")


def main() -> None:
    """Measure and print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=80, help="how many pairs of rounds each scenario has")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a round is")
    parser.add_argument("--objects", type=int, default=1000, help="how many objects are listed")
    parser.add_argument("command", nargs="*", help="the observer (default: memlane top)")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, load {load:.1f} before the start")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        print_listing(directory, arguments.objects)
    for name, scenario in SCENARIOS.items():
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            os.environ["MEMLANE_DIR"] = directory
            print_cost(name, scenario, arguments.command, arguments.pairs, arguments.seconds)


if __name__ == "__main__":
    main()

"""Measure what looking costs those that are looked at: throughput with and without an observer beside them.

    python benchmarks/observing.py [--scenarios S2,S4] [--observers top,monitor] [--times 20] [--pairs 100]
                                   [--seconds 0.3] [--objects 1000] [-- COMMAND ...]

- S2: messages of 64 bytes one way, through a channel between two processes on two processors
- S4: a variable with a struct of five doubles, set by one process and got by another, on two processors
- `memlane.inspect` and `memlane ls` list many objects

The observers are ``memlane top`` on a terminal, and ``memlane monitor`` with one client that reads its events as a
browser does; or the command that is given. What they cost is measured in two ways:

- *The processor time* that one uses in a second, looking as often as it does by itself: directly.
- *The loss*: rounds with the observer and without take turns, each beside one of the other sort, in an order that
  turns too; the median of the pairs' ratios counts, with its interval of 95 % confidence. Rounds differ by more than a
  look costs. Therefore the observer looks ``--times`` as often as by itself, and the loss at its own rate is that part
  of it: computed, from the assumption that each look costs the same. ``--times 1`` measures it directly, and less well.

An observer runs wherever the scheduler puts it, and is stopped and continued for each round, so that rounds differ in
nothing else. Rates come from the counters in shared memory, which are read before and after a round.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import ctypes
import functools
import http.client
import itertools
import math
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
from urllib.parse import urlsplit

from memlane import CHAN_R, CHAN_W, HostVariable, ObjectNotFound, inspect, open_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CONTEXT = multiprocessing.get_context("fork")
PROCESSORS = sorted(os.sched_getaffinity(0))  # before any pinning, which a forked process inherits
SIZE = 64
ROUNDS_OF_LISTING = 9
MEMLANE = (sys.executable, "-m", "memlane")
OWN_SECONDS = 10.0
"""How long an observer is watched that looks as often as it does by itself."""
MOST_IN_A_TAIL = 40
"""One in so many intervals may lie wholly above what it is an interval of, and one wholly below: 95 % confidence."""


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
    variable.wait(newer_than=0)
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


class Observer(NamedTuple):
    """A program that looks."""

    name: str
    command: Callable[[float], Sequence[str]]
    """What starts it, so that it looks so many times as often as by itself."""
    has_client: bool = False
    """Whether it prints the address of a page, and looks while somebody has that open."""


def top(times: float) -> Sequence[str]:
    """Return the command of ``memlane top``; once a second is its own habit."""
    return (*MEMLANE, "top", "--interval", str(1 / times))


def monitor(times: float) -> Sequence[str]:
    """Return the command of ``memlane monitor``, which has no option for that."""
    faster = f"lookout.LOOK_SECONDS /= {times}"
    run = "sys.exit(cli.main(['monitor', '--port', '0']))"
    return (
        sys.executable,
        "-c",
        f"import sys; from memlane import cli; from memlane.monitor import lookout; {faster}; {run}",
    )


OBSERVERS = {"top": Observer("memlane top", top), "monitor": Observer("memlane monitor", monitor, has_client=True)}


def discard(terminal: int) -> None:
    """Read what a terminal shows until nobody is left who writes to it."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65_536):
            pass


def read_events(terminal: int) -> None:
    """Read the events of a monitor, as its page does, until the monitor ends."""
    shown = b""
    while b"\n" not in shown:
        shown += os.read(terminal, 65_536)
    address = urlsplit(shown.split()[0].decode())
    connection = http.client.HTTPConnection(address.netloc)
    connection.request("GET", f"{address.path}events")
    with contextlib.suppress(OSError, http.client.HTTPException), connection.getresponse() as events:
        while events.read1(65_536):
            pass


@contextlib.contextmanager
def observing(observer: Observer, times: float) -> Iterator[int]:
    """Let the observer run, on a terminal; give its process id."""
    command = observer.command(times)
    terminal, theirs = pty.openpty()
    reader = threading.Thread(target=read_events if observer.has_client else discard, args=(terminal,))
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        reader.start()
        try:
            yield process.pid
            if process.poll() is not None or not reader.is_alive():
                raise RuntimeError(f"{command} ended with status {process.poll()}: nothing was observed")
        finally:
            process.kill()
    reader.join()
    os.close(terminal)


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used: ``clock_getcpuclockid``, as glibc computes it."""
    return time.clock_gettime((~process << 3) | 2)


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


def median(found: Sequence[float]) -> tuple[float, float, float]:
    """Return the median with both ends of its interval of confidence, of those that any distribution has."""
    ordered = sorted(found)
    low = outermost(len(ordered))
    return statistics.median(ordered), ordered[low], ordered[len(ordered) - 1 - low]


def outermost(count: int) -> int:
    """Return how many of so many values lie below an interval that has their distribution's median at 95 % confidence.

    As many lie above it. Exact: how many of them are below the median is a binomial number. The interval of less than
    6 values, which is all of them, has less confidence.
    """
    tails = itertools.accumulate(math.comb(count, below) for below in range(count))
    return max(bisect.bisect_right(list(tails), 2**count // MOST_IN_A_TAIL) - 1, 0)


def print_use(name: str, scenario: Scenario, observer: Observer) -> None:
    """Print the processor time of an observer that looks as often as it does by itself."""
    with working(scenario), observing(observer, 1) as process:
        wait_until_working(scenario, 1.0)
        before, began = processor_seconds(process), time.perf_counter()
        time.sleep(OWN_SECONDS)
        used = (processor_seconds(process) - before) / (time.perf_counter() - began)
    share = used / len(PROCESSORS)
    print(f"{name} {observer.name}: {used:.2%} of a processor, {share:.2%} of {len(PROCESSORS)}", flush=True)


def print_loss(name: str, scenario: Scenario, observer: Observer, arguments: argparse.Namespace) -> None:
    """Print what the observer takes from each rate."""
    times, seconds = arguments.times, arguments.seconds
    with working(scenario), observing(observer, times) as process:
        wait_until_working(scenario, seconds)
        found = [pair(scenario, process, seconds, observed_first=bool(number % 2)) for number in range(arguments.pairs)]
    for index, counter in enumerate(scenario.counters):
        without = statistics.median(alone[index] for alone, _ in found)
        loss = median([1 - observed[index] / alone[index] for alone, observed in found])
        print(
            f"{name} {observer.name}: {counter} {without / 1e6:.2f} million/s; {interval(loss)} less at {times:g} times"
            f" its own rate; {interval([part / times for part in loss])} less at its own; at most 1 %",
            flush=True,
        )


def interval(found: Sequence[float]) -> str:
    """Say a median and its interval."""
    middle, low, high = found
    return f"{middle:.2%} ({low:.2%} to {high:.2%})"


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
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="which of them (default: %(default)s)")
    parser.add_argument("--observers", default=",".join(OBSERVERS), help="which of them (default: %(default)s)")
    parser.add_argument("--times", type=float, default=20, help="how much more often than by itself one looks")
    parser.add_argument("--pairs", type=int, default=100, help="how many pairs of rounds each scenario has")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a round is")
    parser.add_argument("--objects", type=int, default=1000, help="how many objects are listed; 0: none")
    parser.add_argument("command", nargs="*", help="an observer instead of these; --times changes nothing of it")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, load {load:.1f} before the start")
    observers = [OBSERVERS[name] for name in arguments.observers.split(",")]
    if arguments.command:
        observers, arguments.times = [Observer(" ".join(arguments.command), lambda _: arguments.command)], 1
    if arguments.objects:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            print_listing(directory, arguments.objects)
    for name in arguments.scenarios.split(","):
        for observer in observers:
            for print_cost in (print_use, functools.partial(print_loss, arguments=arguments)):
                with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
                    os.environ["MEMLANE_DIR"] = directory
                    print_cost(name, SCENARIOS[name], observer)


if __name__ == "__main__":
    main()

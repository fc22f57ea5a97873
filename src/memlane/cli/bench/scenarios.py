"""What is measured: each thing by memlane and by hand, in turns, for the machine is another one a minute later."""

from __future__ import annotations

import importlib.util
import os
import signal
import statistics
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from memlane import HostVariable, SharedMMap
from memlane.cli.bench import ways
from memlane.cli.bench.beside import beside, pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memlane.cli.bench.ways import Repeat, Way

ROUNDS = 5
WARM_UPS = 10
NAP_SECONDS = 0.001
"""Long enough for both ends to fall asleep."""
_OPENING_AT_MOST = 0.001
_RECOVERY_AT_MOST = 0.025


class Figure(NamedTuple):
    """One thing that was measured."""

    what: str
    seconds: float
    by_hand: str = ""
    """What it is compared with; nothing where nothing by hand does the same."""
    seconds_by_hand: float | None = None
    seconds_at_most: float | None = None
    """What takes longer is worth looking for the reason."""

    @property
    def ratio(self) -> float | None:
        """How many times as fast memlane is."""
        return None if self.seconds_by_hand is None else self.seconds_by_hand / self.seconds


class Scenario(NamedTuple):
    """One thing to measure."""

    what: str
    way: Way
    by_hand: str
    way_by_hand: Way
    time: Callable[[Repeat, float], float]
    """Returns the seconds that one takes, of so many seconds of it."""


def awake(repeat: Repeat, seconds: float) -> float:
    """Time one of many, one after the other."""
    begin = time.perf_counter()
    repeat(WARM_UPS)
    times = max(1, int(WARM_UPS * seconds / (time.perf_counter() - begin)))
    begin = time.perf_counter()
    repeat(times)
    return (time.perf_counter() - begin) / times


def asleep(repeat: Repeat, seconds: float) -> float:
    """Time one after a rest, in which both ends fell asleep: the median."""
    found = []
    for _ in range(max(1, int(seconds / NAP_SECONDS))):
        time.sleep(NAP_SECONDS)
        begin = time.perf_counter()
        repeat(1)
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


SCENARIOS = (
    Scenario("set a dict of 5 floats", ways.by_setting, "pickle in a mapping", ways.by_pickling, awake),
    Scenario("get a dict of 5 floats", ways.by_getting, "pickle in a mapping", ways.by_unpickling, awake),
    Scenario("bytes there and back", ways.by_channels, "os.pipe", ways.by_pipes, awake),
    Scenario("bytes there and back, asleep", ways.by_channels, "os.pipe", ways.by_pipes, asleep),
    Scenario("value there and back", ways.by_variables, "os.pipe", ways.by_pipes, awake),
    Scenario("value there and back, asleep", ways.by_variables, "os.pipe", ways.by_pipes, asleep),
    Scenario("bytes one way", ways.through_channel, "os.pipe", ways.through_pipe, awake),
    Scenario("call f(a, b)", ways.by_call, "os.pipe and pickle", ways.by_pickles, awake),
    Scenario("call f(a, b), asleep", ways.by_call, "os.pipe and pickle", ways.by_pickles, asleep),
)
ARRAYS = Scenario("array of 1 MiB there and back", ways.by_arrays, "os.pipe", ways.by_array_pipes, awake)
CONTESTS = 2 * len((*SCENARIOS, ARRAYS)) + 2
"""How often something is measured for the same time: each scenario by two ways, opening, and recovery."""


def figures(parent: str, seconds: float) -> Iterator[Figure]:
    """Measure everything that can be measured here.

    Args:
        parent: Where the directory of the objects is made, for the time of the measurement.
        seconds: How long to measure each, by each way.
    """
    allowed = sorted(os.sched_getaffinity(0))
    with pinned(allowed[0]):
        for scenario in SCENARIOS:
            yield measured(scenario, parent, seconds, allowed[-1])
        yield opening(parent, seconds)
        yield recovery(parent, seconds, allowed[-1])
        if importlib.util.find_spec("numpy") is not None:  # last: it may start threads, and all others fork
            yield measured(ARRAYS, parent, seconds, allowed[-1])


def measured(scenario: Scenario, parent: str, seconds: float, processor: int) -> Figure:
    """Measure one thing; the other process is on that processor."""
    found: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as stack:
        directory = stack.enter_context(objects_in(parent))
        # By hand first: what forks while memlane's endpoints are open takes copies of them along.
        repeats = [stack.enter_context(way(directory, processor)) for way in (scenario.way_by_hand, scenario.way)]
        for repeat in repeats:
            repeat(WARM_UPS)
        for _ in range(ROUNDS):
            for times, repeat in zip(found, repeats, strict=True):
                times.append(scenario.time(repeat, seconds / ROUNDS))
    by_hand, by_memlane = map(statistics.median, found)
    return Figure(scenario.what, by_memlane, scenario.by_hand, by_hand)


def objects_in(parent: str) -> tempfile.TemporaryDirectory[str]:
    """Make a directory for objects, which goes with them."""
    return tempfile.TemporaryDirectory(prefix="memlane-bench-", dir=parent)


def opening(parent: str, seconds: float) -> Figure:
    """Measure how long it takes to open a variable that is there, and to close it."""
    with objects_in(parent) as directory, HostVariable("pose", directory=directory) as pose:
        pose.data = ways.POSE
        repeat = ways.repeated(lambda: HostVariable("pose", directory=directory, create=False).close())
        return Figure("open and close", awake(repeat, seconds), seconds_at_most=_OPENING_AT_MOST)


def recovery(parent: str, seconds: float, processor: int) -> Figure:
    """Measure how long a lock is held up after its owner was killed; by hand it is for ever."""
    found: list[float] = []
    end = time.monotonic() + seconds
    with objects_in(parent) as directory, SharedMMap("locked", ways.CAPACITY, directory=directory) as locked:
        while not found or time.monotonic() < end:
            found.append(_one_recovery(locked, directory, processor))
    return Figure("lock of a killed process", statistics.median(found), seconds_at_most=_RECOVERY_AT_MOST)


def _one_recovery(locked: SharedMMap, directory: str, processor: int) -> float:
    with ways.pipe() as (told, tell):

        def hold() -> None:
            with SharedMMap("locked", ways.CAPACITY, directory=directory).lock():
                os.write(tell, b"!")
                signal.pause()

        with beside(hold, processor) as pid:
            os.read(told, 1)
            begin = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            with locked.lock():
                return time.perf_counter() - begin

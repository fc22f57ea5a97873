"""What the terminal shows at one moment."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, final

import memlane
from memlane.demo.rate import RATE_WINDOW
from memlane.demo.report import SawTorn, text_of
from memlane.demo.variables import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from memlane.demo.crew import Crew
    from memlane.demo.ledger import Gap, Ledger


class Sample(NamedTuple):
    """Counters of a variable at one time."""

    at: int
    writes: int
    bytes_written: int


class Row(NamedTuple):
    """One reader of one variable. Units: seconds, bytes, per second."""

    variable: str
    reader: str
    write_rate: float
    byte_rate: float
    age: float | None
    read_rate: float
    skipped: int
    median: float | None
    percentile_99: float | None
    longest_gap: float


class CallFigures(NamedTuple):
    """The calls of the model's function. Units: seconds, per second."""

    rate: float
    answered: int
    died: int
    median: float | None
    percentile_99: float | None


class ProcessState(NamedTuple):
    """One of the three processes."""

    role: str
    life: int
    is_ready: bool
    seconds: float
    """Since it was started."""


class Figures(NamedTuple):
    """Everything that is shown."""

    seconds: float
    rows: list[Row]
    calls: CallFigures
    lines_heard: int
    last_line: str
    processes: list[ProcessState]
    kills: int
    frames_verified: int
    torn: int
    longest_gap: Gap


@final
class Instruments:
    """Reads the figures: from the ledger what processes saw, from shared memory what the variables count."""

    def __init__(self, variables: Mapping[str, memlane.HostVariable], ledger: Ledger, crew: Crew) -> None:
        self._variables = variables
        self._ledger = ledger
        self._crew = crew
        self._samples: dict[str, deque[Sample]] = {name: deque() for name in variables}

    def read(self, seconds: float) -> Figures:
        """Return the figures of this moment."""
        return Figures(
            seconds,
            list(self._rows()),
            self._call_figures(),
            self._ledger.telemetry.heard,
            self._ledger.telemetry.last.text if self._ledger.telemetry.last else "",
            list(self._processes()),
            self._crew.kills.total(),
            self._ledger.frames_verified,
            self._ledger.torn,
            self._ledger.longest_gap,
        )

    def _rows(self) -> Iterator[Row]:
        for name in VARIABLES:
            first, last = self._window(name)
            elapsed = max(last.at - first.at, 1) / 1e9
            write_rate = (last.writes - first.writes) / elapsed
            byte_rate = (last.bytes_written - first.bytes_written) / elapsed
            age = self._age_of(name)
            for reader, route in self._ledger.accounts[name].routes.items():
                yield Row(
                    name,
                    reader,
                    write_rate,
                    byte_rate,
                    age,
                    route.rate.per_second(last.at),
                    route.skipped,
                    route.latencies.percentile(50),
                    route.latencies.percentile(99),
                    route.longest_gap / 1e9,
                )

    def _window(self, name: str) -> tuple[Sample, Sample]:
        statistics = self._variables[name].stats()
        samples = self._samples[name]
        samples.append(Sample(time.monotonic_ns(), statistics.writes, statistics.bytes_written))
        while samples[-1].at - samples[0].at > RATE_WINDOW:
            samples.popleft()
        return samples[0], samples[-1]

    def _age_of(self, name: str) -> float | None:
        """Return the seconds since the latest write, None where there was none, or where it is torn: then count it."""
        try:
            return self._variables[name].age
        except memlane.Empty:
            return None
        except memlane.Corrupted as error:
            self._ledger.record("supervisor", 1, SawTorn(name, text_of(error), time.monotonic_ns()))
            return None

    def _call_figures(self) -> CallFigures:
        calls = self._ledger.calls
        return CallFigures(
            calls.rate.per_second(time.monotonic_ns()),
            calls.answered,
            calls.died,
            calls.latencies.percentile(50),
            calls.latencies.percentile(99),
        )

    def _processes(self) -> Iterator[ProcessState]:
        now = time.monotonic_ns()
        for child in self._crew.children.values():
            yield ProcessState(child.role, child.life, child.is_ready, (now - child.started) / 1e9)

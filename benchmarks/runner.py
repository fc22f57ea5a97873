"""Rounds: peers take turns, each row is repeated, and what others disturbed is measured again."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.pair import Pair, PeerFailed, pair
from benchmarks.placement import processors
from benchmarks.quiet import SHARE, Watch
from benchmarks.registry import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.results import Line, Results
    from benchmarks.scenarios.rows import Figures, Row

CHECKED = 200
FIRST_COUNT, LEAST_COUNT = 20, 3
ENOUGH = 0.2
"""Of a round's time: what a shorter one took says too little of how much fills it."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    peers: tuple[str, ...]
    rounds: int = 6
    seconds: float = 0.15
    """Of each round."""
    repetitions: int = 6
    """How many disturbed rounds of a peer are measured again in each row."""
    placement: str = "apart"


def groups(rows: Iterable[Row]) -> list[list[Row]]:
    """Return together the rows that use one way, which is opened once for all of them."""
    grouped: dict[tuple[str, tuple[Any, ...]], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.way, tuple(row.options.items())), []).append(row)
    return list(grouped.values())


class Runner:
    """Measures rows, and adds what it finds to results."""

    def __init__(self, plan: Plan, results: Results, show: Callable[[Line], None]) -> None:
        self._plan = plan
        self._results = results
        self._show = show

    def run(self, rows: Iterable[Row]) -> None:
        """Measure one group after the other."""
        for group in groups(rows):
            with ExitStack() as stack:
                pairs = self._start(stack, group)
                for row in group:
                    self._measure(row, {name: both for name, both in pairs.items() if row.has(name)})

    def _start(self, stack: ExitStack, group: list[Row]) -> dict[str, Pair]:
        """Start both processes of every peer that has such a way."""
        pairs = {}
        for name in self._plan.peers:
            make = PEERS[name].ways.get(group[0].way)
            if make is None or not any(row.has(name) for row in group):
                continue
            with self._noting_failure(name, group[0]):
                pairs[name] = stack.enter_context(
                    pair(make, group[0].options, processors(self._plan.placement)),
                )
        return pairs

    @contextmanager
    def _noting_failure(self, peer: str, row: Row) -> Iterator[None]:
        """Leave a peer out that fails."""
        try:
            yield
        except PeerFailed as error:
            self._results.note_failure(row, peer, str(error).strip().rpartition("\n")[2])

    def _measure(self, row: Row, pairs: dict[str, Pair]) -> None:
        """Warm up, then let the peers take turns."""
        counts: dict[str, int] = {}
        for name, both in pairs.items():
            with self._noting_failure(name, row):
                check(row, both)
                counts[name] = self._fitting_count(row, both)
        left = dict.fromkeys(counts, self._plan.repetitions)
        for _ in range(min(self._plan.rounds, row.most_rounds)):
            for name, count in counts.items():
                if name not in self._results.of(row).failed:
                    with self._noting_failure(name, row):
                        left[name] = self._round(row, name, pairs[name], count, left[name])
        self._show(self._results.of(row))

    def _fitting_count(self, row: Row, both: Pair) -> int:
        """Find how much fills a round."""
        if row.count:
            return row.count
        count, seconds = FIRST_COUNT, 0.0
        while seconds < ENOUGH * self._plan.seconds:
            seconds = both.round(row.roles, row.timed, count)[0].found["seconds"]
            fitting = count * self._plan.seconds / max(seconds, 1e-6)
            count = int(min(max(fitting, LEAST_COUNT), count * 100))
        return count

    def _round(self, row: Row, name: str, both: Pair, count: int, repetitions: int) -> int:
        """Measure once, again while others disturb; return how many repetitions are left."""
        while True:
            watch = Watch()
            timed, other = both.round(row.roles, row.timed, count)
            disturbance = watch.others_share(timed.servers_seconds + other.servers_seconds)
            if disturbance <= SHARE or not repetitions:
                break
            repetitions -= 1
        figures: Figures = timed.found
        self._results.add(row, name, figures, is_disturbed=disturbance > SHARE)
        return repetitions


def check(row: Row, both: Pair) -> None:
    """Compare what came with what was sent, in both roles' own words."""
    if row.check is None:
        return
    here, there = both.round(row.check, row.timed, CHECKED)
    if here.found != there.found:
        raise PeerFailed(f"the checksum of what came is {here.found!r} in one role, {there.found!r} in the other")

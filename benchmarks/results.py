"""What was found: by row and peer, as JSON, with machine, versions and command."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.registry import MEMLANE, NOT_THE_SAME

if TYPE_CHECKING:
    from benchmarks.scenarios.rows import Figures, Row


def is_comparable(peer: str) -> bool:
    """Tell whether it is another's, for the same job."""
    return not peer.startswith(MEMLANE) and peer not in NOT_THE_SAME


@dataclass
class Found:
    """The rounds of one peer in one row."""

    value: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    disturbed: int = 0
    """How many of the rounds others disturbed, though they were repeated."""

    @property
    def median(self) -> float:
        """The median round."""
        return statistics.median(self.value)

    @property
    def late(self) -> float | None:
        """The median of the 99th percentiles, where there are any."""
        return statistics.median(self.p99) if self.p99 else None

    @property
    def spread(self) -> str:
        """The smallest and the largest round."""
        return f"{number(min(self.value))} to {number(max(self.value))}"


@dataclass
class Line:
    """One row, with what every peer did."""

    scenario: str
    name: str
    unit: str
    more_is_better: bool
    at: float | None = None
    peers: dict[str, Found] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def ratio(self, peer: str, figure: str = "median") -> float | None:
        """Return how many times as good as a peer memlane is."""
        ours, theirs = (getattr(self.peers.get(name), figure, None) for name in (MEMLANE, peer))
        if not ours or not theirs:
            return None
        return float(ours / theirs if self.more_is_better else theirs / ours)

    def best(self, among: Any = None) -> str | None:
        """Return the best peer, of some if they are named."""
        names = [name for name in self.peers if is_comparable(name) and (among is None or name in among)]
        choose = max if self.more_is_better else min
        return choose(names, key=lambda name: self.peers[name].median) if names else None


@dataclass
class Results:
    """A run, or several that were merged."""

    machine: dict[str, Any] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    """When each of them began."""
    peers: dict[str, str] = field(default_factory=dict)
    """Version of each."""
    absent: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def of(self, row: Row) -> Line:
        """Return the line of a row, which may be a new one."""
        for line in self.lines:
            if (line.scenario, line.name) == row.key:
                return line
        self.lines.append(Line(row.scenario, row.name, row.unit, row.more_is_better, row.at))
        return self.lines[-1]

    def find(self, scenario: str, name: str) -> Line | None:
        """Return a line, if it was measured."""
        return next((line for line in self.lines if (line.scenario, line.name) == (scenario, name)), None)

    def add(self, row: Row, peer: str, figures: Figures, *, is_disturbed: bool) -> None:
        """Add a round."""
        found = self.of(row).peers.setdefault(peer, Found())
        found.value.append(figures["value"])
        if "p99" in figures:
            found.p99.append(figures["p99"])
        found.disturbed += is_disturbed

    def note_failure(self, row: Row, peer: str, error: str) -> None:
        """Note that a peer failed in a row."""
        self.of(row).failed[peer] = error

    def merged_with(self, other: Results, order: list[tuple[str, str]]) -> Results:
        """Return both: a line of the other stands in place of one of the same name; lines come in an order."""
        lines = {(line.scenario, line.name): line for line in (*self.lines, *other.lines)}
        place = {key: position for position, key in enumerate(order)}
        peers = self.peers | other.peers
        return Results(
            other.machine,
            self.commands + other.commands,
            self.times + other.times,
            peers,
            [name for name in other.absent if name not in peers],
            [lines[key] for key in sorted(lines, key=lambda key: place.get(key, len(place)))],
        )

    def save(self, path: str) -> None:
        """Write a file, with three digits more than are certain."""
        with open(path, "w") as file:
            json.dump(rounded(asdict(self)), file, indent=1)
            file.write("\n")


def rounded(value: Any) -> Any:
    """Return the same with five digits of every number."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def load(path: str) -> Results:
    """Read a file."""
    with open(path) as file:
        content = json.load(file)
    lines = [
        Line(**{**line, "peers": {name: Found(**found) for name, found in line["peers"].items()}})
        for line in content.pop("lines")
    ]
    return Results(**content, lines=lines)


def number(value: float) -> str:
    """Write three digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  (three digits)

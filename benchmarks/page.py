"""Make docs/performance.md and its pictures of the result files.

``python -m benchmarks.page [FIRST.json SECOND.json ...]``; default: all of benchmarks/results, in the order of their
names.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import plots
from benchmarks.goals import DESIGN, GOALS, Goal
from benchmarks.registry import MEMLANE
from benchmarks.results import load, number
from benchmarks.scenarios import growth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import Found, Line, Results

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
TITLES = {
    "S1": "64 bytes there and back",
    "S1b": "The same, asleep",
    "S2": "64 bytes one way",
    "S2b": "1 KiB one way",
    "S3": "Arrays, copied",
    "S3b": "Arrays, in place",
    "S4": "The latest value, a struct of five doubles",
    "S4b": "The latest value, a dict of five floats",
    "S5": "Calls",
    "S5b": "Calls, asleep",
    "S6": "Waiting",
    "S7": "Device buffers",
    "S8": "Streams of bytes",
    "S9": "Growth",
    "S10": "From C",
    "S11": "Starting, and taking over",
    "codec": "The plain codec",
    "limits": "Limits of the machine",
    "locks": "Locks",
    "loop": "Event loops",
}
INTRODUCTION = """\
# Performance, measured

What memlane costs beside what else there is, with everything that keeps it safe. This page is made by
`python -m benchmarks.page` of the files in `benchmarks/results`. Times belong to one machine and one hour; the ratios
are what can be compared. *x* says how many times as good memlane is: above 1 memlane is ahead. How it became so, and
what the limit of a missed goal is: [performance](design/performance.md).

Two fresh processes for each peer, pinned to two processors; peers take turns; the median round counts, after a warm-up,
and a round in which others used the machine is measured again. What arrives is compared: each round trip by itself, and
streams by the checksum of messages that are sent before, outside of what is timed, where comparing would take longer
than what is measured. Who receives, copies; in place, one number of each page is written and read. *Asleep*: 1 ms
between two trips, so that both ends sleep in the kernel; who polls is left out. Never *the best peer*: what does less
than memlane does in the same row (`mp.Value` is one number instead of five, `plain copy (two places)` is for
comparison), or what is memlane in another form.
"""


def number_cell(value: float | None) -> str:
    """Write a number."""
    return "-" if value is None else number(value)


CONSTANT = {
    "What a reader takes {} with the number of readers": (
        f"get, {growth.READERS[0]} readers",
        f"get, {growth.READERS[-1]} readers",
    ),
    "What a call takes {} with the number of callers that have one outstanding": (
        f"call, {growth.CALLERS[0]} callers",
        f"call, {growth.CALLERS[-1]} callers",
    ),
    "What opening and closing takes {} with the number of objects": (
        f"open and close, {growth.OBJECTS[0]} objects",
        f"open and close, {growth.OBJECTS[-1]} objects",
    ),
}
"""First and last point of what must not grow."""
GROWS = 1.3  # less cannot be told apart in six rounds


def cell(text: str | None) -> str:
    """Write a cell; what was not measured is a dash."""
    return text or "-"


def describe_runs(runs: list[Results]) -> Iterator[str]:
    """Say what was measured where, when and how."""
    yield "## Machine and versions"
    yield ""
    for position, run in enumerate(runs, 1):
        machine = run.machine
        virtual = "a virtual machine, " if machine["virtual"] else ""
        yield (
            f"- Run {position}, {run.times[0]} to {run.times[-1]}: {virtual}{machine['processors']} processors"
            f" ({machine['processor']}), {machine['memory_gib']} GiB, Linux {machine['kernel']}, {machine['libc']},"
            f" Python {machine['python']}"
        )
    yield ""
    others = sorted(
        {f"{name} {version}" for run in runs for name, version in run.peers.items() if "Python" not in version}
    )
    yield f"Peers: {', '.join(others)}; the rest is Python's own."
    absent = sorted({name for run in runs for name in run.absent})
    yield f"Not installed: {', '.join([*absent, 'robot_ipc and runtime.buffer (no registry has them)'])}."
    yield ""
    yield "```text"
    yield from (command for command in dict.fromkeys(command for run in runs for command in run.commands))
    yield "```"
    yield ""


def describe_goals(runs: list[Results]) -> Iterator[str]:
    """Give the table of the goals."""
    yield "## Goals"
    yield ""
    runs_header = " | ".join(f"Run {position}" for position in range(1, len(runs) + 1))
    yield f"| | Scenario | Goal | {runs_header} | |"
    yield f"|---|---|---|{'---|' * len(runs)}---|"
    for goal in GOALS:
        yield goal_row(goal, runs)
    yield ""


def goal_row(goal: Goal, runs: list[Results]) -> str:
    """Give the row of a goal."""
    lines = [line for run in runs if (line := run.find(goal.scenario, goal.row))]
    unit = lines[0].unit if lines else ""
    figures = " | ".join(cell(goal_figure(goal, run, unit)) for run in runs)
    return f"| {goal.scenario} | {goal.row} | {goal.text(unit)} | {figures} | {verdict(goal, runs)} |"


def goal_figure(goal: Goal, run: Results, unit: str) -> str | None:
    """Write what was reached, with a star where others disturbed what is compared."""
    value = goal.reached_value(run)
    if value is None:
        return None
    mark = "*" if any(found.disturbed for found in goal.compared(run)) else ""
    if not goal.against:
        return f"{number(value)}{mark} {unit}"
    return f"{number(1 / value)}{mark} times" if goal.is_share else f"{number(value)}{mark} x"


def verdict(goal: Goal, runs: list[Results]) -> str:
    """Say whether the goal was reached in every run; what is missed is explained elsewhere."""
    found = [goal.is_reached(run) for run in runs]
    if None in found:
        return "not measured"
    if all(found):
        return "reached"
    return f"[{'missed' if not any(found) else 'missed once'}]({DESIGN}#{goal.anchor})"


def describe_scenario(scenario: str, runs: list[Results]) -> Iterator[str]:
    """Give the table of every row of a scenario."""
    names = dict.fromkeys(line.name for run in runs for line in run.lines if line.scenario == scenario)
    if not names:
        return
    yield f"## {scenario[0].upper()}{scenario[1:]}: {TITLES[scenario]}"
    yield ""
    runs_header = " | ".join(f"Run {position} | p99 | x" for position in range(1, len(runs) + 1))
    yield f"| | Peer | {runs_header} |"
    yield f"|---|---|{'---|' * 3 * len(runs)}"
    for name in names:
        yield from peer_rows([run.find(scenario, name) for run in runs])
    yield ""


def peer_rows(lines: list[Line | None]) -> Iterator[str]:
    """Give the rows of every peer, memlane first, then the best."""
    measured = [line for line in lines if line is not None]
    first = measured[0]
    sign = -1 if first.more_is_better else 1
    peers = {peer: found for line in reversed(measured) for peer, found in line.peers.items()}
    order = sorted(peers, key=lambda peer: (not peer.startswith(MEMLANE), sign * peers[peer].median))
    title = f"{first.name}, {first.unit}"
    for peer in order:
        cells = " | ".join(peer_cells(line, peer) for line in lines)
        yield f"| {title} | {peer} | {cells} |"
        title = ""
    for peer, error in first.failed.items():
        yield f"| {title} | {peer} | failed: {error} |{' |' * (3 * len(lines) - 1)}"


def peer_cells(line: Line | None, peer: str) -> str:
    """Give the three cells of a peer in a run."""
    found: Found | None = line.peers.get(peer) if line else None
    if line is None or found is None:
        return "- | - | -"
    ratio = None if peer == MEMLANE else line.ratio(peer)
    mark = "*" if found.disturbed else ""
    late = found.late
    return f"{number(found.median)}{mark} | {number_cell(late)} | {number_cell(ratio)}"


def has_growth(run: Results) -> bool:
    """Tell whether a run measured curves."""
    return any(line.scenario == "S9" for line in run.lines)


def describe_growth(runs: list[Results]) -> Iterator[str]:
    """Say what grows and what does not, by the figures of the runs."""
    yield "![Curves of growth](performance-growth.svg)"
    yield ""
    for statement, (first, last) in CONSTANT.items():
        ratios = [ratio for run in runs if (ratio := growth_ratio(run, first, last)) is not None]
        grows = "does not grow" if ratios and max(ratios) < GROWS else "grows"
        yield f"- {statement.format(grows)}: {last.partition(', ')[2]} take {in_words(ratios)} times as long as 1."
    for action in ("set", "get"):
        sizes = (growth.SIZES[4], growth.SIZES[-1])
        first, last = (f"{action}, {growth.size_text(size)}" for size in sizes)
        ratios = [ratio for run in runs if (ratio := growth_ratio(run, first, last)) is not None]
        per_byte = in_words([ratio * sizes[0] / sizes[1] for ratio in ratios])
        yield f"- A {action} grows with the size: 64 MiB take {per_byte} times as much for each byte as 64 KiB."
    yield "- Above 32 MiB the allocator maps the bytes of each get anew: the touch of fresh pages is most of it."
    yield ""


def in_words(ratios: list[float]) -> str:
    """Write the ratio of each run."""
    return " and ".join(number(ratio) for ratio in ratios) or "not measured:"


def growth_ratio(run: Results, first: str, last: str) -> float | None:
    """Return how many times as long the last point takes as the first."""
    points = [run.find("S9", name) for name in (first, last)]
    figures = [point.peers[MEMLANE].median for point in points if point and MEMLANE in point.peers]
    return figures[1] / figures[0] if len(figures) == len(points) else None


def page(runs: list[Results]) -> str:
    """Return the page."""
    parts = [INTRODUCTION, "", *describe_goals(runs), "![Latency and throughput](performance-peers.svg)", ""]
    parts += describe_runs(runs)
    for scenario in TITLES:
        parts += describe_scenario(scenario, runs)
        if scenario == "S9" and has_growth(runs[-1]):
            parts += describe_growth(runs)
    parts.append("A star marks medians of rounds of which others disturbed some even when they were repeated.")
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> None:
    """Write it."""
    paths = arguments or sorted(map(str, RESULTS.glob("*.json")))
    if not paths:
        sys.exit(f"there is no result in {RESULTS}: python -m benchmarks --output {RESULTS}/first.json")
    runs = [load(path) for path in paths]
    PAGE.write_text(page(runs))
    if has_growth(runs[-1]):
        plots.growth(runs[-1], str(PAGE.with_name("performance-growth.svg")))
    plots.peers(runs[-1], str(PAGE.with_name("performance-peers.svg")))


if __name__ == "__main__":
    main(sys.argv[1:])

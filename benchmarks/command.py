"""Measure scenarios for memlane and for the peers that are installed.

    python -m benchmarks                                          everything
    python -m benchmarks --scenario S1,S2 --peers memlane,mp.Pipe
    python -m benchmarks --output benchmarks/results/first.json   adds to the file what was measured

Two fresh processes for each peer, pinned to two processors; peers take turns, the median round counts, and a round that
others disturbed is repeated. Absolute times belong to this machine and this hour: the ratios are what can be compared.
`python -m benchmarks.page` makes docs/performance.md of result files, `python -m benchmarks.plots` pictures.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.registry import MEMLANE, PEERS, versions
from benchmarks.results import Results, load
from benchmarks.runner import Plan, Runner
from benchmarks.scenarios.every import ROWS
from benchmarks.tables import table

if TYPE_CHECKING:
    from benchmarks.results import Line
    from benchmarks.scenarios.rows import Row

SCENARIOS = list(dict.fromkeys(row.scenario for row in ROWS))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="", help=f"some of {','.join(SCENARIOS)}; default all")
    parser.add_argument("--peers", default="", help=f"some of {','.join(PEERS)}; default all that are installed")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="of each peer in each row")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of each round")
    parser.add_argument("--repetitions", type=int, default=Plan.repetitions, help="of rounds that others disturbed")
    parser.add_argument("--placement", choices=("apart", "together"), default=Plan.placement)
    parser.add_argument("--points", type=int, default=len(ROWS), help="of each curve of growth")
    parser.add_argument("--output", help="JSON file to which results are added")
    found = parser.parse_args(arguments)
    found.scenarios = choose(parser, found.scenario, SCENARIOS)
    found.chosen = choose(parser, found.peers, list(PEERS))
    return found


def choose(parser: argparse.ArgumentParser, text: str, known: list[str]) -> list[str]:
    """Return what a list of names names, in the order of the tables; of an empty one all."""
    names = text.split(",") if text else known
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"nothing is called {', '.join(unknown)}: there are {', '.join(known)}")
    return [name for name in known if name in names]


def point(row: Row) -> int:
    """Return how many points of a row's curve stand before it."""
    if row.at is None:
        return 0
    curve = [other for other in ROWS if other.at is not None and other.curve == row.curve]
    return curve.index(row)


def main(arguments: list[str]) -> None:
    """Measure, print and save."""
    asked = parse(arguments)
    installed = versions()
    present = tuple(name for name in asked.chosen if name in installed)
    results = Results(
        machine.describe(),
        [shlex.join(["python", "-m", "benchmarks", *arguments])],
        [time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())],
        {name: installed[name] for name in present},
        [name for name in asked.chosen if name not in installed],
    )
    for name, version in results.peers.items():
        print(f"{name}: {version}")
    for name in results.absent:
        print(f"{name}: not installed")
    plan = Plan(present, asked.rounds, asked.seconds, asked.repetitions, asked.placement)
    rows = [row for row in ROWS if row.scenario in asked.scenarios and point(row) < asked.points]
    before = load(asked.output) if asked.output and os.path.exists(asked.output) else Results()

    def show(line: Line) -> None:
        print("\n".join(table(line)), flush=True)
        if asked.output:  # after each row, since the next one may be interrupted
            before.merged_with(results, [row.key for row in ROWS]).save(asked.output)

    Runner(plan, results, show).run(rows)
    if any(peer.startswith(MEMLANE) for line in results.lines for peer in line.failed):
        sys.exit("memlane failed, see above")

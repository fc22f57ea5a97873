"""``memlane top``: how fast everything flows, again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from memlane import inspect
from memlane.cli import words
from memlane.cli.flow import flow
from memlane.cli.given import positive, seconds
from memlane.cli.ls import state
from memlane.cli.place import add_json, add_place, output, pace, say, say_json
from memlane.cli.screen import redraw, table_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_HEADS = ("NAME", "KIND", "LIVE", "IN/s", "OUT/s", "B IN/s", "B OUT/s", "SKIP/s", "LATENCY", "STATE")
_TROUBLES_SHOWN = 8
_FIRST_INTERVAL = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane top`` takes."""
    parser.add_argument("--interval", type=seconds, default=1.0, metavar="S", help="seconds between looks (default: 1)")
    parser.add_argument("--count", type=positive, metavar="N", help="end after N looks (default: go on until Ctrl-C)")
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, wait, look again, and show what changed."""
    observer = inspect.Observer(arguments.directory)
    observer.look()
    time.sleep(_FIRST_INTERVAL)  # the first rates need some time to be any
    for _ in pace(arguments.interval, arguments.count):
        observation = observer.look()
        if arguments.json:
            say_json(as_json(observation))
        elif output().isatty():
            redraw(screen(observation))
        else:
            say(screen(observation))
    return 0


def screen(observation: inspect.Observation) -> str:
    """Return the table and what went wrong."""
    wrong = [
        number
        for number, item in enumerate(observation.objects)
        if isinstance(item, inspect.Damaged) or item.dead or item.recovering
    ]
    rows = [row(item, observation.rates.get(item.name)) for item in observation.objects]
    text = table_text(_HEADS, rows, wrong=wrong) if rows else "no objects"
    lines = [_trouble_text(trouble, observation.at) for trouble in _latest(observation.troubles)]
    return "\n".join([text, *(["", *lines] if lines else [])])


def _latest(troubles: Sequence[inspect.Trouble]) -> list[inspect.Trouble]:
    return sorted(troubles, key=lambda trouble: trouble.last or 0, reverse=True)[:_TROUBLES_SHOWN]


def _trouble_text(trouble: inspect.Trouble, now: float) -> str:
    when = f"{words.duration(now - trouble.last)} ago" if trouble.last else "before"
    return words.printable(f"{trouble.name}: {trouble.what}: {trouble.count}, last {when}")


def row(item: inspect.Object | inspect.Damaged, rates: inspect.Rates | None) -> tuple[str, ...]:
    """Return the line of one object."""
    if isinstance(item, inspect.Damaged):
        return item.name, item.kind, *["-"] * 7, item.error
    flows = flow(rates)
    return (
        item.name,
        item.kind,
        str(len(item.alive)),
        words.rate(flows.into),
        words.rate(flows.out),
        words.rate(flows.bytes_into),
        words.rate(flows.bytes_out),
        words.rate(flows.skips),
        words.latency(flows.latency),
        state(item),
    )


def as_json(observation: inspect.Observation) -> dict[str, Any]:
    """Return one look for programs."""
    return {
        "at": observation.at,
        "objects": [
            {
                "name": item.name,
                "kind": item.kind,
                "live": len(item.alive) if isinstance(item, inspect.Object) else 0,
                "per_second": dict(observation.rates[item.name].per_second) if item.name in observation.rates else {},
                "latency": observation.rates[item.name].latency if item.name in observation.rates else None,
            }
            for item in observation.objects
        ],
        "troubles": [vars(trouble) for trouble in observation.troubles],
    }

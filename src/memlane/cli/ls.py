"""``memlane ls``: what there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli import words
from memlane.cli.jsonable import described
from memlane.cli.place import add_json, add_place, elsewhere, say, say_json
from memlane.cli.screen import show_table
from memlane.inspect.look import is_asked_for

if TYPE_CHECKING:
    import argparse

_KINDS = ("variable", "channel", "function", "map", "share", "buffer", "damaged")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane ls`` takes."""
    parser.add_argument("pattern", nargs="?", default="*", help="names to show, such as 'cam*' (default: all)")
    parser.add_argument(
        "--kind", choices=_KINDS, metavar="KIND", help=f"show only objects of this kind: {', '.join(_KINDS)}"
    )
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show a line for each object; damaged ones say why below the table."""
    there = inspect.objects(arguments.directory)
    found = [
        item for item in there if is_asked_for(item.name, [arguments.pattern]) and arguments.kind in (None, item.kind)
    ]
    if arguments.json:
        say_json([described(item) for item in found])
        return 0
    if not found:
        path = inspect.directory_path(arguments.directory)
        say(f"none of the {len(there)} objects in {path}" if there else f"no objects in {path}{elsewhere(path)}")
        return 0
    now = time.time()
    wrong = [number for number, item in enumerate(found) if isinstance(item, inspect.Damaged) or item.dead]
    show_table(
        ("NAME", "KIND", "SIZE", "LIVE", "DEAD", "VERSION", "WRITTEN", "STATE"),
        [row(item, now) for item in found],
        wrong=wrong,
    )
    for item in found:
        if isinstance(item, inspect.Damaged):
            say(words.printable(f"{item.name}: {item.reason}"))
    return 0


def row(item: inspect.Object | inspect.Damaged, now: float) -> tuple[str, ...]:
    """Return the line of one object."""
    if isinstance(item, inspect.Damaged):
        return item.name, item.kind, *["-"] * 5, item.error
    return (
        item.name,
        item.kind,
        words.size(item.allocated),
        str(len(item.alive)),
        str(len(item.dead)),
        "-" if item.version is None else str(item.version),
        f"{words.duration(now - item.written)} ago" if item.written is not None else "-",
        state(item),
    )


def state(item: inspect.Object) -> str:
    """Return in a few words what is special about an object at this moment."""
    told = []
    if item.filled is not None:
        told.append(f"{item.filled} of {item.limits['chanSz']} bytes wait")
    if item.calls_waiting is not None:
        told.append(f"{item.calls_waiting} calls wait, {item.calls_running} run")
    if item.untaken:
        told.append("a value waits")
    if item.slots_writing:
        told.append(f"{item.slots_writing} being written")
    if item.slots_viewed:
        told.append(f"{item.slots_viewed} viewed")
    if any("locks" in participant.roles for participant in item.participants):
        told.append("locked")
    if item.recovering:
        told.append("its lock's owner died")
    return ", ".join(told)

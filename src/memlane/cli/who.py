"""``memlane who``: which process has what open, and what it holds."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli import words
from memlane.cli.jsonable import plain_fields
from memlane.cli.place import HELD, add_json, add_place, look, say, say_json
from memlane.cli.screen import show_table

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane who`` takes."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the name of an object (default: all objects)")
    parser.add_argument("--pid", type=int, help="show only this process")
    parser.add_argument(
        "--leaks",
        action="store_true",
        help="show only who holds a slot, view, lock or call, or died; the status is 1 where there is one",
    )
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show a line for each participant."""
    items = [look(arguments)] if arguments.name else sound_objects(arguments.directory)
    pairs = [
        (item, participant)
        for item in items
        for participant in item.participants
        if arguments.pid in (None, participant.pid)
        and (not arguments.leaks or participant.holds or not participant.alive)
    ]
    if arguments.json:
        say_json([{"object": item.name, **plain_fields(participant)} for item, participant in pairs])
    elif pairs:
        wrong = [number for number, (_, participant) in enumerate(pairs) if not participant.alive]
        show_table(_HEADS, [row(item, participant, time.time()) for item, participant in pairs], wrong=wrong)
    else:
        say("nobody")
    return HELD if arguments.leaks and pairs else 0


def sound_objects(directory: str | None) -> list[inspect.Object]:
    """Return the objects that are not damaged."""
    return [item for item in inspect.objects(directory) if isinstance(item, inspect.Object)]


_HEADS = ("PID", "PROGRAM", "OBJECT", "KIND", "SINCE", "STATE", "HOLDS")


def rows_of(item: inspect.Object) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return heads and rows of a table of an object's participants, without the columns that name the object."""
    rows = [row(item, participant, time.time()) for participant in item.participants]
    return (*_HEADS[:2], *_HEADS[4:]), [(*cells[:2], *cells[4:]) for cells in rows]


def row(item: inspect.Object, participant: inspect.Participant, now: float) -> tuple[str, ...]:
    """Return the line of one participant."""
    return (
        str(participant.pid),
        participant.program,
        item.name,
        item.kind,
        "-" if participant.since is None else f"{words.duration(now - participant.since)} ago",
        state(participant),
        holdings(participant) or "-",
    )


def state(participant: inspect.Participant) -> str:
    """Say whether a participant lives, and where its pid is not one of ours."""
    verdict = "lives" if participant.alive else "dead"
    return f"{verdict}, other pid namespace" if _is_elsewhere(participant) else verdict


def _is_elsewhere(participant: inspect.Participant) -> bool:
    try:
        here = os.stat("/proc/self/ns/pid").st_ino
    except FileNotFoundError:
        return False  # without /proc nobody knows
    return participant.pid_namespace not in (0, here)


def holdings(participant: inspect.Participant) -> str:
    """Return what a participant is and holds, in words."""
    counted = (
        (participant.slots_writing, "writes or loans"),
        (participant.slots_viewed, "views"),
        (participant.calls, "calls under way:"),
        (participant.executing, "executes"),
    )
    return ", ".join([*participant.roles, *(f"{what} {count}" for count, what in counted if count)])

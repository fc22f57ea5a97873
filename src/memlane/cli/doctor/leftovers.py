"""What dead processes and earlier versions left."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli import words
from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding, command_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHOWN = 5
_FULL_PART = 0.9


def check_leftovers(found: Sequence[inspect.Object | inspect.Damaged], directory: str | None) -> Iterator[Finding]:
    """Look at what was found in the namespace."""
    items = [item for item in found if isinstance(item, inspect.Object)]
    before = len(found) - len(items)
    yield from _damaged([item for item in found if isinstance(item, inspect.Damaged)], directory)
    orphans = [item for item in items if not item.persistent and not item.alive and not item.filled]
    if orphans:
        yield Finding(
            NOTE, "leftovers", f"{_some(orphans)}: made to go with the last user, who died before",
            command_line("gc", directory=directory),
        )  # fmt: skip
    former = [item for item in items if item.age is None]
    if former:
        removal = command_line("rm", *(item.name for item in former[:_SHOWN]), directory=directory)
        yield Finding(
            NOTE, "leftovers", f"{_some(former)}: made before this machine was last started",
            f"{removal}, where nobody needs them",
        )  # fmt: skip
    yield from _participants(items, directory)
    if not before and not orphans and not former:
        size = sum(item.allocated for item in items)
        yield Finding(OK, "objects", f"{len(items)}, {words.size(size)}; none is damaged or left over")


def _damaged(items: Sequence[inspect.Damaged], directory: str | None) -> Iterator[Finding]:
    for item in items:
        if item.error == "AccessDenied":
            yield Finding(NOTE, "objects", item.reason, "look as its owner or as root")
        elif item.error == "UnsafeNamespace":  # no plain file, so that `memlane rm` would leave it
            path = os.path.join(inspect.directory_path(directory), item.name)
            yield Finding(PROBLEM, "objects", item.reason, shlex.join(("rm", "-r", path)))
        else:
            yield Finding(PROBLEM, "objects", item.reason, command_line("rm", item.name, directory=directory))


def _participants(items: Sequence[inspect.Object], directory: str | None) -> Iterator[Finding]:
    holders = [item for item in items if any(dead.holds for dead in item.dead)]
    if holders:
        yield Finding(
            NOTE, "participants", f"dead processes still hold parts of {_some(holders)}",
            "nothing: who needs such a part takes it back at once",
        )  # fmt: skip
    for item in items:
        if len(item.alive) >= item.places * _FULL_PART:
            yield Finding(
                PROBLEM if len(item.alive) >= item.places else NOTE, "participants",
                f"{item.name!r} is open {len(item.alive)} times, and has {item.places} places",
                f"{command_line('who', item.name, directory=directory)} shows who; close some, or make it anew with"
                " more max_participants=",
            )  # fmt: skip


def _some(items: Sequence[inspect.Object]) -> str:
    names = ", ".join(repr(item.name) for item in items[:_SHOWN])
    return names if len(items) <= _SHOWN else f"{names} and {len(items) - _SHOWN} more"

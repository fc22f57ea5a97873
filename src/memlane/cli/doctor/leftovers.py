"""What dead processes and earlier versions left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli import words
from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHOWN = 5
_FULL_PART = 0.9


def check_leftovers(directory: str | None) -> Iterator[Finding]:
    """Look at every object of the namespace."""
    found = inspect.objects(directory)
    where = "" if directory is None else f" --directory {directory}"
    items = [item for item in found if isinstance(item, inspect.Object)]
    before = len(found) - len(items)
    yield from _damaged([item for item in found if isinstance(item, inspect.Damaged)], where)
    orphans = [item for item in items if not item.persistent and not item.alive and not item.filled]
    if orphans:
        yield Finding(
            NOTE, "leftovers", f"{_some(orphans)}: made to go with the last user, who died before", f"memlane gc{where}"
        )
    former = [item for item in items if item.age is None]
    if former:
        yield Finding(
            NOTE, "leftovers", f"{_some(former)}: made before this machine was last started",
            f"memlane rm{where} {' '.join(item.name for item in former[:_SHOWN])}, where nobody needs them",
        )  # fmt: skip
    yield from _participants(items)
    if not before and not orphans and not former:
        size = sum(item.allocated for item in items)
        yield Finding(OK, "objects", f"{len(items)}, {words.size(size)}; none is damaged or left over")


def _damaged(items: Sequence[inspect.Damaged], where: str) -> Iterator[Finding]:
    for item in items:
        if item.error == "AccessDenied":
            yield Finding(NOTE, "objects", item.reason, "look as its owner or as root")
        else:
            yield Finding(PROBLEM, "objects", item.reason, f"memlane rm{where} {item.name}")


def _participants(items: Sequence[inspect.Object]) -> Iterator[Finding]:
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
                f"memlane who {item.name} shows who; close some, or make it anew with more max_participants=",
            )  # fmt: skip


def _some(items: Sequence[inspect.Object]) -> str:
    names = ", ".join(repr(item.name) for item in items[:_SHOWN])
    return names if len(items) <= _SHOWN else f"{names} and {len(items) - _SHOWN} more"

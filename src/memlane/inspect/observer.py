"""What changes: two looks make rates, many of them tell when something went wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, final

from memlane.inspect.look import objects
from memlane.inspect.records import Damaged, Object

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

# Counters that rise only when something did not go as planned, and what is meant by them.
TROUBLES: Mapping[str, str] = MappingProxyType(
    {
        "superseded": "writes that came to an end after newer ones",
        "skipped": "versions that readers passed over",
        "recovered": "things taken back from dead processes",
        "errors": "calls that ended with an error",
        "withdrawn": "calls that were cancelled, timed out, or that nobody served",
        "abandoned": "calls whose caller no longer waited",
        "orphaned": "calls whose server died in them",
        "dropped": "responses that nobody collected",
    }
)


@dataclass(frozen=True)
class Rates:
    """How fast an object's counters rose between two looks."""

    name: str
    kind: str
    seconds: float
    """Between the looks."""
    per_second: Mapping[str, float]
    """By counter."""
    latency: float | None
    """Of the calls served in between: mean seconds from call to response; None where there were none."""


@dataclass(frozen=True)
class Trouble:
    """One thing that went wrong with one object, however often."""

    name: str
    what: str
    count: int
    first: float | None
    """When it was first seen, seconds since the epoch; None: before the observation began."""
    last: float | None
    """When it was last seen to happen; None: before the observation began."""


@dataclass(frozen=True)
class Observation:
    """One look at everything, and what changed since the last one."""

    at: float
    """Seconds since the epoch."""
    objects: tuple[Object | Damaged, ...]
    rates: Mapping[str, Rates]
    """By name; of the objects that were there at the last look too."""
    troubles: tuple[Trouble, ...]


def rates(before: Object, after: Object, seconds: float) -> Rates | None:
    """Return how fast the counters rose; None where the two are not the same object.

    Args:
        before: The earlier look.
        after: The later one.
        seconds: The time between them.
    """
    if before.uuid != after.uuid or seconds <= 0:
        return None
    rose = {name: count - before.counters.get(name, 0) for name, count in after.counters.items()}
    served = rose.get("served", 0)
    latency_ns = rose.pop("latency_ns", 0)
    return Rates(
        name=after.name,
        kind=after.kind,
        seconds=seconds,
        per_second=MappingProxyType({name: count / seconds for name, count in rose.items()}),
        latency=latency_ns / served / 1e9 if served > 0 else None,
    )


@dataclass
class _Record:
    count: int
    first: float | None
    last: float | None


@final
@dataclass
class Observer:
    """Looks at a namespace again and again. Nothing of it runs in between.

    Args:
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
    """

    directory: str | os.PathLike[str] | None = None
    _former: dict[str, Object] = field(default_factory=dict, init=False, repr=False)
    _former_at: float | None = field(default=None, init=False, repr=False)
    _seen: dict[tuple[str, str, str], _Record] = field(default_factory=dict, init=False, repr=False)

    def look(self) -> Observation:
        """Look at everything now."""
        found = objects(self.directory)
        now, at = time.monotonic(), time.time()
        sound = {item.name: item for item in found if isinstance(item, Object)}
        seconds = 0.0 if self._former_at is None else now - self._former_at
        changed = {
            name: change
            for name, item in sound.items()
            if name in self._former and (change := rates(self._former[name], item, seconds)) is not None
        }
        for item in found:
            self._note(item, at, began=self._former_at is None)
        self._former, self._former_at = sound, now
        return Observation(at, tuple(found), MappingProxyType(changed), tuple(self._troubles(found)))

    def _note(self, item: Object | Damaged, at: float, *, began: bool) -> None:
        for what, count in _wrong(item):
            key = (item.name, getattr(item, "uuid", ""), what)
            record = self._seen.get(key)
            if record is None:
                when = None if began else at
                self._seen[key] = _Record(count, when, when)
            elif count > record.count:
                record.count, record.last = count, at
                record.first = at if record.first is None else record.first

    def _troubles(self, found: list[Object | Damaged]) -> Iterator[Trouble]:
        there = {(item.name, getattr(item, "uuid", "")) for item in found}
        for name, uuid, what in list(self._seen):
            if (name, uuid) not in there:
                del self._seen[name, uuid, what]  # the object went, and its troubles with it
                continue
            record = self._seen[name, uuid, what]
            yield Trouble(name, what, record.count, record.first, record.last)


def _wrong(item: Object | Damaged) -> Iterator[tuple[str, int]]:
    if isinstance(item, Damaged):
        yield f"damaged ({item.error})", 1
        return
    for counter, what in TROUBLES.items():
        if item.counters.get(counter, 0):
            yield what, item.counters[counter]
    if item.dead:
        yield "dead participants that nobody cleaned up yet", len(item.dead)
    if item.recovering:
        yield "the lock's last owner died in it", 1

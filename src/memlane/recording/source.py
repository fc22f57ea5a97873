"""Objects that are looked at again and again: nothing is taken from them, and what was not seen is counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from memlane.errors import Empty, Timeout
from memlane.recording.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memlane._native.inspect import Inspection
    from memlane.recording.description import Description

_LONGEST_PIECE = 1 << 20


class Source(Protocol):
    """One object that is recorded."""

    description: Description

    def look(self, offset: int) -> Iterator[Sample]:
        """See what is new. *offset*: what turns monotonic times into the recording's."""

    def close(self) -> None:
        """Give the mapping back."""


class ValueSource:
    """A variable, share or buffer: its latest version, whenever that is another one."""

    def __init__(self, description: Description, inspection: Inspection, began: int) -> None:
        self.description = description
        self._inspection = inspection
        self._began = began
        # Of an object that was there before us, what came before its present value was not missed.
        self._counted = 0 if _is_younger(inspection, began) else None

    def look(self, offset: int) -> Iterator[Sample]:
        """See the latest value, if it is new."""
        try:
            latest = self._inspection.latest()
            if latest is None or latest[1] == self._counted:
                return
            payload, (version, sequence, _, monotonic_ns, real_ns, mark) = self._inspection.read()
        except (Empty, Timeout):
            # A put gave it up, or it was written faster than it was copied: what is missed is counted at the next look.
            return
        missed = 0 if self._counted is None else max(sequence - self._counted - 1, 0)
        self._counted = sequence
        # What was written before the recording began, in an earlier boot even, was there at its beginning.
        at = max(self._began, min(monotonic_ns, time.monotonic_ns()))
        yield Sample(offset + at, version, missed, monotonic_ns, real_ns, mark, payload)

    def close(self) -> None:
        """Give the mapping back."""
        self._inspection.close()


class StreamSource:
    """A channel: the bytes that wait in it. Those that its reader took between two looks are gone."""

    def __init__(self, description: Description, inspection: Inspection, began: int) -> None:
        self.description = description
        self._inspection = inspection
        self._piece = min(description.size, _LONGEST_PIECE)
        self._position = 0 if _is_younger(inspection, began) else inspection.facts()["head"]

    def look(self, offset: int) -> Iterator[Sample]:
        """See the bytes that are new."""
        while True:
            try:
                first, found = self._inspection.peek(self._position, self._piece)
            except Timeout:
                return
            missed = max(first - self._position, 0)
            if not found and not missed:
                return
            now = time.monotonic_ns()
            yield Sample(offset + now, first, missed, now, time.time_ns(), 0, found)
            self._position = first + len(found)
            if len(found) < self._piece:
                return

    def close(self) -> None:
        """Give the mapping back."""
        self._inspection.close()


def _is_younger(inspection: Inspection, began: int) -> bool:
    facts = inspection.facts()
    return bool(facts["of_this_boot"] and facts["created_monotonic_ns"] >= began)


def source_of(description: Description, inspection: Inspection, began: int) -> Source:
    """Return what looks at an object. *began*: when the recording did, ``CLOCK_MONOTONIC``."""
    if description.kind == "channel":
        return StreamSource(description, inspection, began)
    return ValueSource(description, inspection, began)

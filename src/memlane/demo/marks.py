"""What had been reached at a time, for whoever asks a little later."""

from __future__ import annotations

import bisect
from typing import Generic, TypeVar, final

Mark = TypeVar("Mark", int, tuple[int, int])

KEPT = 4096
"""Marks that are kept: some ten seconds of a variable's writes and reads, and reports come within one."""


@final
class Marks(Generic[Mark]):
    """The highest mark at each time. Reports of several processes arrive in any order."""

    def __init__(self, lowest: Mark) -> None:
        self._times: list[int] = []
        self._highest: list[Mark] = []
        self._lowest: Mark = lowest

    def reach(self, mark: Mark, at: int) -> None:
        """Learn that *mark* had been reached at a time."""
        place = bisect.bisect_right(self._times, at)
        if mark <= self._before(place):
            return
        self._times.insert(place, at)
        self._highest.insert(place, mark)
        while place + 1 < len(self._highest) and self._highest[place + 1] <= mark:
            del self._times[place + 1], self._highest[place + 1]
        if len(self._times) > KEPT:
            del self._times[: KEPT // 2], self._highest[: KEPT // 2]

    def before(self, at: int) -> Mark:
        """Return the highest mark that is known to have been reached before a time; for forgotten times the lowest."""
        return self._before(bisect.bisect_left(self._times, at))

    def _before(self, place: int) -> Mark:
        return self._highest[place - 1] if place else self._lowest

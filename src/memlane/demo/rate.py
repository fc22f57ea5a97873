"""How often something happened of late."""

from __future__ import annotations

from collections import deque
from typing import final

RATE_WINDOW = 2_000_000_000
"""Nanoseconds over which a rate is the mean."""


@final
class Rate:
    """Counts what happens within the window."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque()

    def note(self, at: int) -> None:
        """Count one."""
        self._recent.append(at)

    def per_second(self, now: int) -> float:
        """Return the mean."""
        while self._recent and self._recent[0] < now - RATE_WINDOW:
            self._recent.popleft()
        return len(self._recent) * 1e9 / RATE_WINDOW

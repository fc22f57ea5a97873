"""Percentiles of any number of latencies in a little memory."""

from __future__ import annotations

from collections import Counter
from typing import final

NANOSECONDS_PER_SECOND = 1e9
DIGITS = 2
"""Significant digits that are kept: errors up to 5 %, and a few hundred different values at most."""


@final
class Latencies:
    """How often each latency occurred."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, nanoseconds: int) -> None:
        """Count one."""
        digits = len(str(nanoseconds))
        self._counts[round(nanoseconds, min(DIGITS - digits, 0))] += 1

    def percentile(self, percent: float) -> float | None:
        """Return, in seconds, what *percent* of the latencies do not exceed; None while there are none."""
        rank = self._counts.total() * percent / 100
        for nanoseconds in sorted(self._counts):
            rank -= self._counts[nanoseconds]
            if rank <= 0:
                return nanoseconds / NANOSECONDS_PER_SECOND
        return None

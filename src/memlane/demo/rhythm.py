"""When it is time for what is done again and again."""

from __future__ import annotations

import time
from typing import final


@final
class Rhythm:
    """Says when it is time; a time that was missed is not made up for."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._due = time.monotonic() + period

    def is_due(self) -> bool:
        """Tell, once for each period."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = max(self._due + self._period, now)
        return True

"""How long a reader went without a new value although somebody lived who published it.

The promise is about readers *while a writer lives*, so time without a living writer does not count. It is measured from
outside: by what the processes report, and when the supervisor killed which.
"""

from __future__ import annotations

import bisect
from typing import final

DEFINITION = (
    "A gap is a time in which a process that had a variable open, and the variable's writer, both lived, and the"
    " process saw no new value. It begins with the last new value that the process saw, or when the process was ready,"
    " or when the writer first published, whichever was last; it ends with the next new value, or when either of the"
    " two was killed."
)


@final
class WriterLives:
    """When each life of a variable's writer published: from its first write to its end."""

    def __init__(self) -> None:
        self._lives: list[int] = []
        self._began: dict[int, int] = {}
        self._ended: dict[int, int] = {}

    def note(self, life: int, began: int) -> None:
        """Learn, from the writer or from a value, when a life first wrote."""
        if life not in self._began:
            bisect.insort(self._lives, life)
            self._began[life] = began

    def end(self, life: int, at: int) -> None:
        """Learn when a life ended, whether it ever wrote or not."""
        self._ended[life] = at

    def longest_within(self, since: int, until: int) -> int:
        """Return the longest time from *since* to *until* in which one and the same life published."""
        longest = 0
        for life in reversed(self._lives):
            ended = self._ended.get(life, until)
            longest = max(longest, min(until, ended) - max(since, self._began[life]))
            if ended < since:
                break  # earlier lives ended earlier
        return longest


@final
class Watch:
    """One life of one reader, over one variable."""

    def __init__(self, writers: WriterLives, ready: int) -> None:
        self._writers = writers
        self._last = ready

    def until(self, at: int) -> int:
        """Return the gap, in nanoseconds, that ends with a new value or with the reader, and begin the next one."""
        gap = self._writers.longest_within(self._last, at)
        self._last = at
        return gap

"""A lock of the threads of one process."""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


@final
class ThreadLock:
    """A reentrant lock between the threads of one process: ``with lock.here():``. A forked child's is another one.

    Of what a thread of its parent held at the fork, nobody would ever give back the child's copy.
    """

    def __init__(self) -> None:
        self._locks: dict[int, AbstractContextManager[bool]] = {}  # by process

    def here(self) -> AbstractContextManager[bool]:
        """Return the lock of this process. A block that forks gives back the one that it took, on both sides."""
        process = os.getpid()
        lock = self._locks.get(process)
        # The first threads of a child may be here at once: both must get one lock.
        return self._locks.setdefault(process, RLock()) if lock is None else lock

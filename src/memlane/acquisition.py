"""Locks that tasks take: no thread owns them, and whoever holds one may await."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, final

from memlane._native.fork import PerProcess
from memlane.errors import AlreadyLocked
from memlane.event_loop import current_task, signal_for_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from typing_extensions import Self

    from memlane._native import map as map_binding
    from memlane._native import sync as sync_binding

    Hold: TypeAlias = map_binding.Hold | sync_binding.Hold  # a lock that belongs to no thread


# What this task has taken, or the one that started it: a task of a task may read what its parent locked.
_taken: ContextVar[tuple[Acquisition, ...]] = ContextVar("memlane_taken", default=())


def held_here(subject: object) -> Acquisition | None:
    """Return what this task, or one that it comes from, holds of a subject."""
    return next((each for each in _taken.get() if each.subject is subject and each.is_held), None)


@final
class Acquisition:
    """A lock for one ``async with``. It belongs to this object, not to a thread.

    Args:
        hold: The lock.
        subject: Whose lock it is.
        mode: What it permits, in the subject's own numbers.
        refuse: Raises, for a task that would wait for itself.
    """

    def __init__(self, hold: Hold, subject: object, mode: int, refuse: Callable[[], None]) -> None:
        self._hold = hold
        self.subject = subject
        self.mode = mode
        self._refuse = refuse
        self._task: object = None
        self._used = False

    @property
    def recovered(self) -> bool:
        """Whether the former holder died inside: then what it was writing may be half-done."""
        return self._hold.recovered

    @property
    def is_held(self) -> bool:
        """Whether it was taken, and not given back."""
        return self._hold.is_held

    def release(self) -> None:
        """Give the lock back before the end of the block, from any thread."""
        self._task = None
        self._hold.release()

    async def __aenter__(self) -> Self:
        if self._used:
            raise AlreadyLocked("this is for one async with statement: call acquire_async() anew for each")
        task = current_task()
        if any(each.subject is self.subject and each._task is task for each in _taken.get()):  # noqa: SLF001  (its kind)
            self._refuse()
        self._used = True
        if not self._hold.attempt():
            await _wait(self._hold)
        self._task = task
        _taken.set((*(each for each in _taken.get() if each.is_held), self))
        return self

    async def __aexit__(self, kind: object, raised: object, traceback: object) -> None:
        _taken.set(tuple(each for each in _taken.get() if each is not self))
        # Else somebody gave it back before, or a forked child is ending.
        if self._task is not None and (kind is None or self.is_held):
            self.release()


@final
class _Wait:
    """A thread that waits in a task's stead: in the queue of the lock, as any other."""

    def __init__(self, hold: Hold, tell: Callable[[], object]) -> None:
        self._hold = hold
        self._tell = tell
        self._mutex = PerProcess(threading.RLock)
        self._is_over = self._is_abandoned = False
        self.failure: Exception | None = None

    def run(self) -> None:
        """Wait, and tell the task."""
        try:
            self._hold.take()
        except Exception as error:  # noqa: BLE001  (it is raised in the task)
            self.failure = error
        with self._mutex.here():
            self._is_over = True
            is_wanted = not self._is_abandoned
        if not is_wanted or not self._has_told():
            self._give_back()

    def _has_told(self) -> bool:
        try:
            self._tell()
        except RuntimeError:  # the loop has ended, and the task with it
            return False
        return True

    def _give_back(self) -> None:
        if self._hold.is_held:
            self._hold.release()

    def abandon(self) -> None:
        """The task goes: whichever of the two comes last gives back what was taken."""
        self._hold.give_up()
        with self._mutex.here():
            self._is_abandoned = True
            is_over = self._is_over
        if is_over:
            self._give_back()


async def _wait(hold: Hold) -> None:
    """Take the lock as soon as it is free. Cancelled, it is left alone."""
    signal, tell = signal_for_threads()
    wait = _Wait(hold, tell)
    threading.Thread(target=wait.run, name="memlane-lock", daemon=True).start()
    try:
        await signal.wait(None)
    except BaseException:
        wait.abandon()
        raise
    if wait.failure is not None:
        raise wait.failure

"""Mutexes in memory of your own that processes share."""

from __future__ import annotations

import errno
import mmap
import weakref
from threading import RLock
from typing import TYPE_CHECKING, Any, NoReturn, final

from memlane import settings
from memlane._native import sync
from memlane._native.fork import PerProcess
from memlane.errors import SyncError

if TYPE_CHECKING:
    import os

    from memlane.acquisition import Acquisition

__all__ = ["Mutex", "SyncError"]

_participations: weakref.WeakValueDictionary[bytes, sync.Participation] = weakref.WeakValueDictionary()
_participations_lock = PerProcess(RLock)


def _participation(directory: bytes) -> sync.Participation:
    """Return this process's place in a namespace: all its mutexes there share one."""
    with _participations_lock.here():
        found = _participations.get(directory)
        if found is None:
            found = _participations[directory] = sync.Participation(directory)
        return found


def _refuse_nesting() -> NoReturn:
    raise SyncError(
        "this task holds the mutex already and would wait for itself: release it first; in tasks no mutex is recursive",
        errno.EDEADLK,
    )


@final
class Mutex(sync.Mutex):
    """A mutex between threads and processes, in `SIZE` bytes of any writable buffer.

    A holder that dies gives it back: the next one gets it at once, with `recovered` true, because what the mutex guards
    may be half-written. It belongs to the thread that acquired it; a forked child holds nothing. A context manager.

    Args:
        buf: At least `SIZE` bytes at a multiple of 8: a block of `multiprocessing.shared_memory`, an `mmap`, a
            `bytearray`. It stays exported until `close`, or as long as the mutex lives. None: memory of its own, which
            forked children share.
        shared: False: between the threads of this process alone. Then no file is needed.
        recursive: Of a mutex that is initialised here: whether its holder may acquire it again.
        directory: The namespace directory in which the users of the mutex know each other. Default: ``$MEMLANE_DIR``,
            else the user's own.

    Raises:
        SyncError: As each method says; ``errno`` has the number.
    """

    __slots__ = ("__weakref__",)

    SIZE = sync.SIZE

    def __init__(
        self,
        buf: Any = None,
        /,
        *,
        shared: bool = True,
        recursive: bool = True,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        if buf is None:
            buf = mmap.mmap(-1, self.SIZE) if shared else bytearray(self.SIZE)
        participation = _participation(settings.namespace_directory(directory)) if shared else None
        self._open(buf, participation, recursive)

    def acquire_async(self, *, timeout: float | None = 1) -> Acquisition:
        """Return what takes the mutex in a task: ``async with mutex.acquire_async():``. No thread owns it then.

        Args:
            timeout: Seconds to wait; None waits for ever, 0 only tries.

        Returns:
            A context manager for one ``async with``. Its ``recovered`` says whether the last holder died with it, its
            ``release()`` gives it back before the end of the block, from any thread.

        Raises:
            SyncError: On entry, as of `acquire`. ``EDEADLK``: this task holds it; in tasks no mutex is recursive.
        """
        from memlane.acquisition import Acquisition  # noqa: PLC0415  (for who locks in tasks)

        return Acquisition(sync.Hold(self, timeout), self, 0, _refuse_nesting)

    def __reduce__(self) -> str:
        """Refuse: a buffer of one process is none in another."""
        raise TypeError("a mutex does not pickle: open the shared memory in the other process, and a Mutex over it")

"""The event loop that runs the task that calls, of asyncio or trio."""

from __future__ import annotations

import sys

from memlane import asyncio_loop, trio_loop
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Signal(Protocol):
        """Wakes one task, once."""

        def set(self) -> None:
            """Wake it."""

        async def wait(self, seconds: float | None) -> bool:
            """Sleep until it is set; False when the time was over first."""


@final
class Ticket:
    """A task that waits. It never goes on where its loop was closed."""

    __slots__ = ("_loop", "_tell")

    def __init__(self) -> None:
        self._loop = None if _runs_in_trio() else asyncio_loop.running_loop()
        self._tell: Callable[[], object] = lambda: None

    @property
    def is_void(self) -> bool:
        """Whether the task never goes on."""
        return self._loop is not None and self._loop.is_closed()

    def prepare(self) -> Signal:
        """Return what the task waits for until it is told, by any thread."""
        signal, self._tell = signal_for_threads()
        return signal

    def has_told(self) -> bool:
        """Tell the task; False where its loop has ended."""
        try:
            self._tell()
        except RuntimeError:
            return False
        return True


def current_task() -> object:
    """Return the task that calls."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        return trio.lowlevel.current_task()
    import asyncio  # noqa: PLC0415

    return asyncio.current_task()


def signal_for_threads() -> tuple[Signal, Callable[[], object]]:
    """Return what wakes this task, and what sets it from any thread: RuntimeError where the loop has ended."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        event = trio_loop.Signal()
        token = trio.lowlevel.current_trio_token()
        return event, lambda: token.run_sync_soon(event.set)
    import asyncio  # noqa: PLC0415

    signal, loop = asyncio_loop.Signal(), asyncio.get_running_loop()
    return signal, lambda: loop.call_soon_threadsafe(signal.set)


def crew() -> Any:
    """Return a context manager in which tasks are started by ``start_soon``; its end waits for them."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        return trio.open_nursery()
    return asyncio_loop.Crew()


async def pass_on() -> None:
    """Let other tasks run."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415

        await trio.lowlevel.checkpoint()
    else:
        import asyncio  # noqa: PLC0415

        await asyncio.sleep(0)


async def wait_until_readable(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    wait = trio_loop.wait_until_readable if _runs_in_trio() else asyncio_loop.wait_until_readable
    return await wait(descriptor, seconds)


def _runs_in_trio() -> bool:
    # Another thread may be importing trio: no task runs in it before it has this.
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)
    return lowlevel is not None and lowlevel.in_trio_task() and not _runs_in_asyncio()


def _runs_in_asyncio() -> bool:
    """Whether a task of asyncio calls, though trio runs in the thread too: as its guest, or before a fork."""
    current_task = getattr(sys.modules.get("asyncio"), "current_task", None)  # none yet: it is being imported
    try:
        return current_task is not None and current_task() is not None
    except RuntimeError:  # no loop runs
        return False

"""Tasks of asyncio: how they wait for descriptors and for each other."""

from __future__ import annotations

from memlane._native.fork import Owner
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
    from typing import Any
    from weakref import WeakKeyDictionary, ref

    from typing_extensions import Self


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs in this thread."""
    import asyncio  # noqa: PLC0415  (runs already, or we were not called)

    return asyncio.get_running_loop()


@final
class Signal:
    """Wakes one task, once."""

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415  (runs already, or we were not called)

        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[bool] = self._loop.create_future()

    def set(self) -> None:
        """Wake it."""
        if not self._future.done():
            self._future.set_result(True)

    async def wait(self, seconds: float | None) -> bool:
        """Sleep until it is set; False when the time was over first."""
        return await _settled_in_time(self._loop, self._future, seconds)


@final
class Crew:
    """Tasks that end with a block. Those that run when it is left by an exception, or cancelled, are cancelled."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        import asyncio  # noqa: PLC0415  (runs already, or we were not called)

        if kind is not None:
            self._cancel()
        if self._tasks and kind is not GeneratorExit:  # closed from outside, a task can wait for nothing
            try:
                await asyncio.wait(self._tasks)
            except asyncio.CancelledError:
                await self.__aexit__(asyncio.CancelledError)
                raise

    def _cancel(self) -> None:
        for task in self._tasks:
            if not task.get_loop().is_closed():  # else nobody will run it again
                task.cancel()

    def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        """Run a coroutine function beside the block."""
        import asyncio  # noqa: PLC0415

        task = asyncio.get_running_loop().create_task(function(*arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Readers:
    """The tasks of one loop that wait for descriptors: a loop has one callback for each.

    Known to the tasks and to the loop alone, so that a loop that was closed while they waited can go with them.
    """

    def __init__(self) -> None:
        self._owner = Owner()
        self._waiting: dict[int, set[asyncio.Future[bool]]] = {}

    def add(self, loop: asyncio.AbstractEventLoop, descriptor: int, future: asyncio.Future[bool]) -> None:
        """Let the future be told when the descriptor is readable."""
        if descriptor not in self._waiting:
            loop.add_reader(descriptor, self._tell, descriptor)
            self._waiting[descriptor] = set()
        self._waiting[descriptor].add(future)

    def remove(self, loop: asyncio.AbstractEventLoop, descriptor: int, future: asyncio.Future[bool]) -> None:
        """Forget a future. Nothing stays in the loop: the next endpoint may get a descriptor of the same number."""
        waiting = self._waiting[descriptor]
        waiting.discard(future)
        if not waiting:
            del self._waiting[descriptor]
            if not self._owner.is_parent:  # a forked child's loop has the epoll in which its parent's still waits
                loop.remove_reader(descriptor)

    def _tell(self, descriptor: int) -> None:
        for future in self._waiting[descriptor]:
            if not future.done():
                future.set_result(True)


_made_at_first_use: dict[str, WeakKeyDictionary[asyncio.AbstractEventLoop, ref[_Readers]]] = {}


def _readers_of(loop: asyncio.AbstractEventLoop) -> _Readers:
    from weakref import WeakKeyDictionary, ref  # noqa: PLC0415  (what is imported with memlane costs every program)

    # Loops of two threads may be here at once: both must come to one dictionary.
    known = _made_at_first_use.setdefault("readers", WeakKeyDictionary())
    readers = known[loop]() if loop in known else None
    if readers is None:
        readers = _Readers()
        known[loop] = ref(readers)
    return readers


def _give_up(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)


async def wait_until_readable(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    import asyncio  # noqa: PLC0415  (runs already, or we were not called)

    loop = asyncio.get_running_loop()
    future: asyncio.Future[bool] = loop.create_future()
    readers = _readers_of(loop)
    readers.add(loop, descriptor, future)
    try:
        return await _settled_in_time(loop, future, seconds)
    finally:
        readers.remove(loop, descriptor, future)


async def _settled_in_time(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[bool], seconds: float | None
) -> bool:
    timer = None if seconds is None else loop.call_later(max(0.0, seconds), _give_up, future)
    try:
        return await future
    finally:
        if timer is not None:
            timer.cancel()

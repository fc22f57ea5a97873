"""Waiting for many endpoints at once, and in event loops.

One convention for all: what is already there is taken without the loop and without a system call; otherwise the task
waits until the endpoint's descriptor is readable, and looks again. Cancelled while it waits, it has taken nothing.
"""

from __future__ import annotations

import sys

from memlane._native.endpoint import Endpoint, Poll, wait_any
from memlane.errors import Timeout
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any, TypeVar
    from weakref import WeakKeyDictionary

    Pollable = TypeVar("Pollable", bound=Endpoint)
    Result = TypeVar("Result")


def wait(endpoints: Iterable[Pollable], timeout: float | None = None) -> list[Pollable]:
    """Wait until at least one of the endpoints has something to take.

    A variable has, while its version is newer than the newest that the endpoint returned. An endpoint that was closed
    meanwhile, or whose peer died, counts too: the next operation tells which.

    Args:
        endpoints: Of any kind, up to thousands.
        timeout: Seconds; None waits for ever, 0 only looks.

    Returns:
        Those that have, in their order; an empty list when the time was over first.

    Raises:
        Closed: One of them was closed before the call.
        ValueError: There is no endpoint and no timeout, so that the call would never end.
    """
    members = list(endpoints)
    if not members and timeout is None:
        raise ValueError(
            "wait() was given no endpoint and no timeout, and would never end: give it endpoints, or a timeout to sleep"
        )
    return wait_any(members, timeout)


async def take(endpoint: Endpoint, attempt: Callable[[], Result], timeout: float | None) -> Result:
    """Return what the attempt returns, as soon as it does not raise `Timeout`.

    Args:
        endpoint: That becomes readable when another attempt may succeed.
        attempt: Takes without waiting; changes nothing when it raises.
        timeout: Seconds; None waits for ever, 0 only looks.

    Raises:
        Timeout: As the last attempt raised it.
    """
    try:
        return attempt()
    except Timeout:
        if timeout == 0:
            raise
    wait_until_readable = _trio_wait if _runs_in_trio() else _asyncio_wait
    deadline = None if timeout is None else _now() + timeout
    with Poll(endpoint) as descriptor:
        while True:
            left = None if deadline is None else deadline - _now()
            in_time = await wait_until_readable(descriptor, left)
            try:
                return attempt()
            except Timeout:
                if not in_time:
                    raise


@final
class Updates:
    """What can be taken, one after the other, without an end. No generator: it may be left at any time."""

    def __init__(self, endpoint: Endpoint, attempt: Callable[[], Any], timeout: float | None) -> None:
        self._arguments = endpoint, attempt, timeout

    def __aiter__(self) -> Updates:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return take(*self._arguments)


def _now() -> float:
    from time import monotonic  # noqa: PLC0415  (what is imported with memlane costs every program)

    return monotonic()


# -- trio --------------------------------------------------------------------------------------------------------------


def _runs_in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


async def _trio_wait(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    import trio  # noqa: PLC0415  (runs already, or we were not called)

    with trio.move_on_after(float("inf") if seconds is None else max(0.0, seconds)) as scope:
        await trio.lowlevel.wait_readable(descriptor)
    return not scope.cancelled_caught


# -- asyncio -----------------------------------------------------------------------------------------------------------


class _Readers:
    """The tasks of one loop that wait for descriptors: a loop has one callback for each.

    It does not know the loop, which would never go otherwise: a weak dictionary keeps its values.
    """

    def __init__(self) -> None:
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
            loop.remove_reader(descriptor)

    def _tell(self, descriptor: int) -> None:
        for future in self._waiting[descriptor]:
            if not future.done():
                future.set_result(True)


_made_at_first_use: dict[str, WeakKeyDictionary[asyncio.AbstractEventLoop, _Readers]] = {}


def _readers_of(loop: asyncio.AbstractEventLoop) -> _Readers:
    from weakref import WeakKeyDictionary  # noqa: PLC0415  (what is imported with memlane costs every program)

    # Loops of two threads may be here at once: both must come to one dictionary.
    return _made_at_first_use.setdefault("readers", WeakKeyDictionary()).setdefault(loop, _Readers())


def _give_up(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)


async def _asyncio_wait(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    import asyncio  # noqa: PLC0415  (runs already, or we were not called)

    loop = asyncio.get_running_loop()
    future: asyncio.Future[bool] = loop.create_future()
    readers = _readers_of(loop)
    readers.add(loop, descriptor, future)
    timer = None if seconds is None else loop.call_later(max(0.0, seconds), _give_up, future)
    try:
        return await future
    finally:
        readers.remove(loop, descriptor, future)
        if timer is not None:
            timer.cancel()

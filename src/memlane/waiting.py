"""Waiting for many endpoints at once, and in event loops.

One convention for all: what is already there is taken without the loop and without a system call; otherwise the task
looks again for a moment while others run, then waits until the endpoint's descriptor is readable, and looks again.
Cancelled while it waits, it has taken nothing.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from errno import EMFILE, ENFILE, ETIMEDOUT

from memlane._native.endpoint import Endpoint, Looks, Poll, wait_any
from memlane.errors import SystemFailure, Timeout
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
    from typing import Any, Protocol, TypeVar
    from weakref import WeakKeyDictionary, ref

    from typing_extensions import Self

    class Compound(Protocol):
        """What is ready as soon as one of its endpoints is."""

        def _pollables(self) -> Sequence[Endpoint]: ...

    Pollable = TypeVar("Pollable", bound=Endpoint | Compound)
    Result = TypeVar("Result")


def wait(endpoints: Iterable[Pollable], timeout: float | None = None) -> list[Pollable]:
    """Wait until at least one of the endpoints has something to take.

    A variable has, while its version is newer than the newest that the endpoint returned; a share, while a value was
    not taken; a channel's reader, while there are bytes, its writer, while there is room; a caller, while a response
    can be collected; a dispatcher, while a call can be served; a map never has. An endpoint that was closed meanwhile,
    or whose peer died, counts too: the next operation tells which.

    Args:
        endpoints: Of any kind, up to thousands; dispatchers too.
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
    parts = [_parts_of(member) for member in members]
    ready = {id(part) for part in wait_any([part for each in parts for part in each], timeout)}
    return [member for member, each in zip(members, parts, strict=True) if any(id(part) in ready for part in each)]


def _parts_of(member: Endpoint | Compound) -> Sequence[Endpoint]:
    if isinstance(member, Endpoint):
        return (member,)
    if not hasattr(member, "_pollables"):
        raise TypeError(f"wait() takes endpoints, not {type(member).__name__}")
    return member._pollables()  # noqa: SLF001  (of the same library)


async def take(
    endpoint: Endpoint,
    attempt: Callable[[], Result],
    timeout: float | None,
    expect: Callable[[], None] = lambda: None,
    relax: Callable[[], None] = lambda: None,
) -> Result:
    """Return what the attempt returns, as soon as it does not raise `Timeout`.

    Args:
        endpoint: That becomes readable when another attempt may succeed.
        attempt: Takes without waiting; changes nothing when it raises.
        timeout: Seconds; None waits for ever, 0 only looks.
        expect: Called before each wait: says what the endpoint becomes readable for.
        relax: Takes that back, after the last.

    Raises:
        Timeout: As the last attempt raised it.
    """
    left = countdown(timeout)
    try:
        return attempt()
    except Timeout:
        if timeout == 0:
            raise
    try:
        return await _take_patiently(endpoint, attempt, left, expect)
    finally:
        relax()


async def _take_patiently(
    endpoint: Endpoint,
    attempt: Callable[[], Result],
    left: Callable[[], float | None],
    expect: Callable[[], None],
) -> Result:
    expect()
    again = await _look(endpoint)
    while True:
        in_time = again or await _comes_in_time(endpoint, left())
        try:
            return attempt()
        except Timeout:
            if not in_time:
                raise
        again = False  # where only a part could be taken the loop goes on before each of the others
        expect()


async def _look(endpoint: Endpoint) -> bool:
    """Look while it pays. True: another attempt may succeed, also because other tasks ran, who took the same value."""
    looks = Looks(endpoint)
    others_ran = False
    for _ in looks:
        await pass_on()
        others_ran = True
    return others_ran or looks.found


async def _comes_in_time(endpoint: Endpoint, seconds: float | None) -> bool:
    with Poll(endpoint) as descriptor:  # ends before the attempt: what is taken then need not be announced again
        return await wait_until_readable(descriptor, seconds)


def countdown(timeout: float | None) -> Callable[[], float | None]:
    """Return what tells the seconds that are left, None for ever, from now on.

    Raises:
        ValueError: They are negative.
    """
    if timeout is None:
        return lambda: None
    if not timeout >= 0:  # nor is NaN
        raise ValueError(f"timeout={timeout!r}: give seconds from 0 (only look) up, or None to wait for ever")
    deadline = _now() + timeout
    return lambda: max(0.0, deadline - _now())


async def wait_until_readable(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    return await (_trio_wait if _runs_in_trio() else _asyncio_wait)(descriptor, seconds)


@final
class Ticket:
    """A task that waits. It never goes on where its loop was closed."""

    __slots__ = ("_loop", "_tell")

    def __init__(self) -> None:
        self._loop = None if _runs_in_trio() else _running_loop()
        self._tell: Callable[[], object] = lambda: None

    @property
    def is_void(self) -> bool:
        """Whether the task never goes on."""
        return self._loop is not None and self._loop.is_closed()

    def prepare(self) -> _Signal:
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


@final
class Turns:
    """One task after the other, in the order in which they came, of any loop and thread. A forked child begins anew."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._owner = os.getpid()
        # Collecting garbage ends tasks whose loop is gone, also in the midst of a change.
        self._mutex = RLock()
        self._tickets: list[Ticket] = []  # it is the first one's turn

    def _begin_in_child(self) -> None:
        if self._owner != os.getpid():
            self._begin()

    @property
    def are_free(self) -> bool:
        """Whether it is nobody's turn."""
        if self._tickets:
            self._begin_in_child()
            for ticket in tuple(self._tickets):
                if ticket.is_void:
                    self.leave(ticket)
        return not self._tickets

    async def take(self, seconds: float | None) -> Ticket | None:
        """Wait for this task's turn. Returns what is to be given to `leave`; None when the time was over first."""
        self._begin_in_child()
        ticket = Ticket()
        with self._mutex:
            self._tickets.append(ticket)
            if self._tickets[0] is ticket:
                return ticket
            signal = ticket.prepare()
        came = False
        try:
            came = await signal.wait(seconds)
        finally:
            if not came:
                self.leave(ticket)
        return ticket if came else None

    def leave(self, ticket: Ticket) -> None:
        """End the turn, or the wait for it, of a task that may have been told already."""
        self._begin_in_child()
        with self._mutex:
            if ticket not in self._tickets:
                return
            was_first = self._tickets[0] is ticket
            self._tickets.remove(ticket)
            while was_first and self._tickets:
                first = self._tickets[0]
                if first.has_told():
                    break
                if first in self._tickets:
                    self._tickets.remove(first)


async def take_in_turn(
    turns: Turns,
    endpoint: Endpoint,
    attempt: Callable[[], Result],
    timeout: float | None,
    expect: Callable[[], None],
    relax: Callable[[], None],
) -> Result:
    """Return what the attempt returns, as `take`, but one task at a time: each wants another amount.

    Args:
        turns: Of the endpoint.
        endpoint: As of `take`, and the next two.
        attempt: Takes without waiting.
        timeout: Seconds; None waits for ever, 0 only looks.
        expect: Says what the endpoint becomes readable for.
        relax: Takes that back.
    """
    left = countdown(timeout)
    if turns.are_free:
        try:
            return attempt()
        except Timeout:
            if timeout == 0:
                raise
    ticket = None if timeout == 0 else await turns.take(left())
    if ticket is None:
        raise Timeout(ETIMEDOUT, "other tasks of this process kept the endpoint busy")
    try:
        return await take(endpoint, attempt, left(), expect, relax)
    finally:
        turns.leave(ticket)


def descriptor_for(purpose: str, make: Callable[[], Result]) -> Result:
    """Make what takes a descriptor.

    Raises:
        SystemFailure: None is left.
    """
    try:
        return make()
    except OSError as error:
        if error.errno not in {EMFILE, ENFILE}:
            raise
        raise SystemFailure(
            error.errno,
            f"no descriptor is left for {purpose} (besides one for each of its functions): close endpoints or raise the"
            " limit (ulimit -n)",
        ) from error


@final
class Gathering:
    """A descriptor that is readable while one of several endpoints is. A forked child makes its own.

    Args:
        purpose: Of the descriptor, for the error where none is left.
    """

    def __init__(self, purpose: str) -> None:
        import select  # noqa: PLC0415  (what is imported with memlane costs every program)

        self._alarm = -1
        self._epoll = descriptor_for(purpose, select.epoll)
        self._alarm = descriptor_for(purpose, lambda: os.eventfd(1, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        self._owner = os.getpid()
        self._members: set[int] = set()

    @property
    def is_foreign(self) -> bool:
        """Whether it is the parent's of a fork."""
        return self._owner != os.getpid()

    def add(self, descriptor: int) -> None:
        """Watch one more; nothing is done where it is watched already."""
        if descriptor not in self._members:
            self._members.add(descriptor)
            self._epoll.register(descriptor, 1)  # EPOLLIN

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Make the descriptor readable, and close it. May be called twice."""
        # Whoever polls looks again once it runs, and an epoll forgets what is closed, as the endpoints may be by then.
        # So the alarm stays open as long as this object is there. In a parent's epoll it would wake the parent.
        if not self._epoll.closed and not self.is_foreign and self._alarm >= 0:  # -1: all this is garbage
            self._epoll.register(self._alarm, 1)  # EPOLLIN
        self._epoll.close()

    def __del__(self) -> None:
        alarm, self._alarm = self._alarm, -1
        if alarm >= 0:
            os.close(alarm)


def current_task() -> object:
    """Return the task that calls."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        return trio.lowlevel.current_task()
    import asyncio  # noqa: PLC0415

    return asyncio.current_task()


def signal_for_threads() -> tuple[_Signal, Callable[[], object]]:
    """Return what wakes this task, and what sets it from any thread: RuntimeError where the loop has ended."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        event = _TrioSignal()
        token = trio.lowlevel.current_trio_token()
        return event, lambda: token.run_sync_soon(event.set)
    import asyncio  # noqa: PLC0415

    signal, loop = _AsyncioSignal(), asyncio.get_running_loop()
    return signal, lambda: loop.call_soon_threadsafe(signal.set)


def crew() -> Any:
    """Return a context manager in which tasks are started by ``start_soon``; its end waits for them."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        return trio.open_nursery()
    return _AsyncioCrew()


async def pass_on() -> None:
    """Let other tasks run."""
    if _runs_in_trio():
        import trio  # noqa: PLC0415

        await trio.lowlevel.checkpoint()
    else:
        import asyncio  # noqa: PLC0415

        await asyncio.sleep(0)


@final
class Updates:
    """What can be taken, one after the other, without an end. No generator: it may be left at any time."""

    def __init__(self, step: Callable[[], Awaitable[Any]]) -> None:
        self._step = step
        self._is_over = False

    def __aiter__(self) -> Updates:
        return self

    async def __anext__(self) -> Any:
        if self._is_over:
            raise StopAsyncIteration
        return await self._step()

    async def aclose(self) -> None:
        """End it, for `contextlib.aclosing`. Nothing has to be given back."""
        self._is_over = True


def _now() -> float:
    from time import monotonic  # noqa: PLC0415  (what is imported with memlane costs every program)

    return monotonic()


if TYPE_CHECKING:

    class _Signal(Protocol):
        """Wakes one task, once."""

        def set(self) -> None:
            """Wake it."""

        async def wait(self, seconds: float | None) -> bool:
            """Sleep until it is set; False when the time was over first."""


# -- trio --------------------------------------------------------------------------------------------------------------


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


@final
class _TrioSignal:
    """Wakes one task, once."""

    def __init__(self) -> None:
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        self._event = trio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, seconds: float | None) -> bool:
        import trio  # noqa: PLC0415

        with trio.move_on_after(float("inf") if seconds is None else seconds):
            await self._event.wait()
        return bool(self._event.is_set())


async def _trio_wait(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    import trio  # noqa: PLC0415  (runs already, or we were not called)

    with trio.move_on_after(float("inf") if seconds is None else max(0.0, seconds)) as scope:
        await _trio_wait_beside_others(descriptor)
    return not scope.cancelled_caught


# By run of trio and descriptor, whose first task waits for it, since trio lets one wait alone: what wakes the others.
# Not by thread: one of a forked child has the number of one of its parent's, whose task is no longer there.
_beside: dict[tuple[object, int], set[_TrioSignal]] = {}


async def _trio_wait_beside_others(descriptor: int) -> None:
    """Wait until the descriptor may be readable: who waited first tells the others, also when it leaves early."""
    import trio  # noqa: PLC0415

    place = trio.lowlevel.current_trio_token(), descriptor
    if place in _beside:
        signal = _TrioSignal()
        others = _beside[place]
        others.add(signal)
        try:
            await signal.wait(None)
        finally:
            others.discard(signal)
        return
    others = _beside[place] = set()
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        del _beside[place]
        for signal in others:
            signal.set()


# -- asyncio -----------------------------------------------------------------------------------------------------------


def _running_loop() -> asyncio.AbstractEventLoop:
    import asyncio  # noqa: PLC0415  (runs already, or we were not called)

    return asyncio.get_running_loop()


@final
class _AsyncioSignal:
    """Wakes one task, once."""

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415  (runs already, or we were not called)

        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[bool] = self._loop.create_future()

    def set(self) -> None:
        if not self._future.done():
            self._future.set_result(True)

    async def wait(self, seconds: float | None) -> bool:
        return await _settled_in_time(self._loop, self._future, seconds)


@final
class _AsyncioCrew:
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
        self._owner = os.getpid()
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
            if self._owner == os.getpid():  # a forked child's loop has the epoll in which its parent's still waits
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


async def _asyncio_wait(descriptor: int, seconds: float | None) -> bool:
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

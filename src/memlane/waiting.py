"""Waiting for many endpoints at once, and in event loops.

One convention for all: what is already there is taken without the loop and without a system call; otherwise the task
looks again for a moment while others run, then waits until the endpoint's descriptor is readable, and looks again.
Cancelled while it waits, it has taken nothing.
"""

from __future__ import annotations

from memlane._native.endpoint import Endpoint, Looks, Poll, wait_any
from memlane.errors import Timeout
from memlane.event_loop import pass_on, wait_until_readable
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import Any, Protocol, TypeVar

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

"""Turns: one task after the other uses an endpoint."""

from __future__ import annotations

from _thread import RLock
from errno import ETIMEDOUT

from memlane._native.fork import PerProcess
from memlane.errors import Timeout
from memlane.event_loop import Ticket
from memlane.settings import TYPE_CHECKING, final
from memlane.waiting import countdown, take

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from memlane._native.endpoint import Endpoint

    Result = TypeVar("Result")


@final
class Turns:
    """One task after the other, in the order in which they came, of any loop and thread. A forked child begins anew."""

    def __init__(self) -> None:
        # Collecting garbage ends tasks whose loop is gone, also in the midst of a change.
        self._mutex = PerProcess(RLock)
        self._tickets: PerProcess[list[Ticket]] = PerProcess(list)  # it is the first one's turn

    @property
    def are_free(self) -> bool:
        """Whether it is nobody's turn."""
        tickets = self._tickets.here()
        for ticket in tuple(tickets):
            if ticket.is_void:
                self.leave(ticket)
        return not tickets

    async def take(self, seconds: float | None) -> Ticket | None:
        """Wait for this task's turn. Returns what is to be given to `leave`; None when the time was over first."""
        tickets = self._tickets.here()
        ticket = Ticket()
        with self._mutex.here():
            tickets.append(ticket)
            if tickets[0] is ticket:
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
        tickets = self._tickets.here()
        with self._mutex.here():
            if ticket not in tickets:
                return
            was_first = tickets[0] is ticket
            tickets.remove(ticket)
            while was_first and tickets:
                first = tickets[0]
                if first.has_told():
                    break
                if first in tickets:
                    tickets.remove(first)


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

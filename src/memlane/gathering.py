"""Descriptors that are readable while one of several endpoints is."""

from __future__ import annotations

import os
from errno import EMFILE, ENFILE

from memlane._native.fork import Owner
from memlane.errors import SystemFailure
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")


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
        self._owner = Owner()
        self._members: set[int] = set()

    @property
    def is_foreign(self) -> bool:
        """Whether it is the parent's of a fork."""
        return self._owner.is_parent

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

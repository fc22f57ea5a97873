"""One endpoint of a share: values that are put by one and taken by one other."""

from collections.abc import Callable
from typing import Any

from memlane._native.variable import Variable

class Share(Variable):
    """The part of `memlane.SharedAssign` and `memlane.NumpyShare` that works on shared memory."""

    def _open_share(
        self,
        name: bytes,
        directory: bytes,
        *,
        size: int | None,
        slots: int | None,
        participants: int | None,
        protocol: int | None,
        persistent: bool | None,
        mode: int,
        peer_uid: int,
        create: bool,
        uuid: bytes | None,
        allow_pickle: bool | None,
        as_array: Callable[[object], Any] | None,
    ) -> None:
        """Open or create. None stands for what was not given; an empty directory for the default one.

        as_array: for a share of arrays: makes a plain array of what is none, or raises; else None.
        """

    def _put(self, value: object) -> int:
        """Put a value in place of one that was not taken; return its version."""

    def _get(self, timeout: float | None) -> tuple[Any, int, float]:
        """Wait for a value and take it; return it with its version and wall-clock seconds."""

    def _view_next(self, timeout: float | None) -> tuple[Any, int, float]:
        """Wait for an array and take it in place; return it with its version and wall-clock seconds."""

    @property
    def _size(self) -> int:
        """Bytes of the largest value."""

    def _clear(self) -> bool:
        """Drop the value that waits; tell whether there was one."""

    def _taken(self) -> int:
        """Return the newest version that was taken or dropped."""

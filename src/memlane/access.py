"""Who may read and write a map at this moment."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn

from memlane.errors import AlreadyLocked, ReadAccessError, WriteAccessError

if TYPE_CHECKING:
    from memlane._native.map import Endpoint, Hold
    from memlane.acquisition import Acquisition

_READING, _WRITING = 1, 2  # what Endpoint.mode() answers


class Access:
    """Access to a map without a lock: whoever has it open may do all."""

    __slots__ = ()

    if TYPE_CHECKING:
        _endpoint: Endpoint

        @property
        def name(self) -> str:
            """The name of the object."""

    def _permit_reading(self, what: str) -> None:  # noqa: ARG002  (for the classes with a lock)
        """Raise unless this thread may read now."""
        self._endpoint.check()

    def _permit_writing(self, what: str) -> None:  # noqa: ARG002  (for the classes with a lock)
        """Raise unless this thread may write now."""
        self._endpoint.check()

    def _export(self, writable: int) -> bool:
        """Allow an export of the memory, and say whether it may be written to. It stays valid after the lock."""
        if writable:
            self._permit_writing("an export of its memory for writing")
            return True
        may_write = self._may_write()
        self._permit_reading("an export of its memory")  # last: where another thread closes it, nothing may be done
        return may_write

    def _may_write(self) -> bool:
        return True


class LockedAccess(Access):
    """Access to a map with a lock: whoever has taken it may do what it permits."""

    _READ_LOCK = _WRITE_LOCK = ""
    _is_used_by_tasks = False

    def _mode(self) -> int:
        """Return what this thread or this task has locked."""
        mode = self._endpoint.mode()
        if mode != 0 or not self._is_used_by_tasks:
            return mode
        from memlane.acquisition import held_here  # noqa: PLC0415  (for who locks in tasks)

        acquisition = held_here(self)
        return 0 if acquisition is None else acquisition.mode

    def _acquisition(self, hold: Hold) -> Acquisition:
        """Return what takes a lock in a task. Called by `Lock.acquire_async`."""
        from memlane.acquisition import Acquisition  # noqa: PLC0415  (for who locks in tasks)

        self._is_used_by_tasks = True
        return Acquisition(hold, self, hold.mode, self._refuse_nesting)

    def _refuse_nesting(self) -> NoReturn:
        raise AlreadyLocked(
            f"map {self.name!r}: this task holds a lock of this endpoint already, and would wait for itself: locks do"
            " not nest, and a read lock does not become a write lock; give it back first"
        )

    def _permit_reading(self, what: str) -> None:
        mode = self._mode()  # first: nothing is locked in an endpoint that another thread closes
        self._endpoint.check()
        if mode == 0:
            raise ReadAccessError(
                errno.EACCES, f"map {self.name!r}: {what} needs its lock: use it inside `with {self._READ_LOCK}:`"
            )

    def _permit_writing(self, what: str) -> None:
        mode = self._mode()  # first, as above
        self._endpoint.check()
        if mode != _WRITING:
            held = " and this thread has its read lock" if mode == _READING else ""
            raise WriteAccessError(
                errno.EACCES,
                f"map {self.name!r}: {what} needs its lock{held}: use it inside `with {self._WRITE_LOCK}:`",
            )

    def _may_write(self) -> bool:
        return self._mode() == _WRITING

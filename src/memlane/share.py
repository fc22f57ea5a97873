"""Shares: assignment between processes. What one puts, one other takes, once."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, final

from memlane import settings, waiting
from memlane._native.share import Share
from memlane.endpoint import NamedEndpoint
from memlane.errors import (
    Closed,
    MissingDependency,
    OOMError,
    ReadAccessError,
    ValueTooLarge,
    WriteAccessError,
)
from memlane.names import encoded_name
from memlane.readings import Reading
from memlane.sizes import size_in_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import ModuleType

    from memlane._native.loan import Loan


class ShareStatistics(NamedTuple):
    """What happened to a share, summed over all endpoints that ever were, and what is at this moment."""

    puts: int
    gets: int
    """Values that were copied or viewed, those that another get took first included."""
    bytes_put: int
    bytes_got: int
    """Copied out; views copy nothing."""
    superseded: int
    """Puts that came to an end after newer ones, 16 times in a row: as if put just before them."""
    retries: int
    """Copies that began anew because a put had taken the slot."""
    recovered: int
    """Slots that puts took back from dead processes."""
    version: int
    taken: int
    """The newest version that was taken or dropped."""
    live_participants: int
    """Open endpoints of live processes."""
    slots_writing: int
    """Slots that are being filled or loaned."""
    slots_pinned: int
    """Slots that views keep as they are."""
    is_current: bool
    """Whether the name still leads to this object."""


class Endpoint(NamedEndpoint):
    """What `SharedAssign` and `NumpyShare` have in common."""

    __slots__ = ("__weakref__", "_allow_pickle", "_mode", "_peer_uid", "_permissions", "_share")

    _NOUN = "share"
    _KEPT = ("_mode", "_permissions", "_peer_uid", "_allow_pickle")
    _ADOPTED = ("size", "slots", "participants", "protocol")

    def __init__(  # noqa: PLR0913  (each argument is named)
        self,
        name: str | bytes,
        size: int | str | None = settings.SHARE_SIZE,
        mode: Literal["put", "get"] | None = None,
        *,
        slots: int = settings.SHARE_SLOTS,
        create: bool = True,
        persistent: bool | None = None,
        protocol: int = settings.PROTOCOL,
        allow_pickle: bool | None = None,
        directory: str | os.PathLike[str] | None = None,
        permissions: int = 0o600,
        peer_uid: int | None = None,
        max_participants: int = settings.MAX_PARTICIPANTS,
    ) -> None:
        if mode not in ("put", "get"):
            raise ValueError(f"share {name!r}: mode={mode!r} is neither 'put' (this side gives) nor 'get' (it takes)")
        settings.require_positive(f"share {name!r}", slots=slots, max_participants=max_participants)
        if protocol not in range(6):
            raise ValueError(f"share {name!r}: protocol={protocol!r} is no pickle protocol from 0 to 5")
        self._mode = mode
        self._permissions = permissions
        self._peer_uid = -1 if peer_uid is None else peer_uid
        self._allow_pickle = allow_pickle
        self._open(
            encoded_name(name),
            settings.namespace_directory(directory),
            size=None if size is None or isinstance(size, settings.Default) else size_in_bytes(size, f"share {name!r}"),
            slots=settings.given(slots),
            participants=settings.given(max_participants),
            protocol=settings.given(protocol),
            persistent=persistent,
            create=create,
            uuid=None,
            **self._given(),
        )

    def _open(self, name: bytes, directory: bytes, **options: Any) -> None:
        self._share = Share()
        self._share._open_share(name, directory, **options)  # noqa: SLF001  (the binding's half of this class)

    def _given(self) -> dict[str, Any]:
        return {**super()._given(), "allow_pickle": self._allow_pickle, "as_array": self._converter()}

    @classmethod
    def _converter(cls) -> Callable[[object], Any] | None:
        """Return what makes a plain array of a value, for shares that hold nothing else."""
        return None

    # -- what it does ----------------------------------------------------------------------------------------

    def _put(self, value: object) -> int:
        if self._mode != "put":
            self._refuse_put()
        try:
            return self._share._put(value)  # noqa: SLF001
        except ValueTooLarge as error:
            raise OOMError(str(error)) from None

    def _refuse_put(self) -> NoReturn:
        raise WriteAccessError(
            errno.EACCES,
            f"share {self.name!r}: this endpoint was opened with mode='get', and takes: open one with mode='put'",
        )

    def _refuse_get(self) -> NoReturn:
        raise ReadAccessError(
            errno.EACCES,
            f"share {self.name!r}: this endpoint was opened with mode='put', and gives: open one with mode='get'",
        )

    def clear(self) -> bool:
        """Drop the value that waits to be taken. Returns whether there was one."""
        return self._share._clear()  # noqa: SLF001

    @property
    def version(self) -> int:
        """The number of the newest value that was put: 0 before the first one, the same in all processes."""
        return self._share.version

    def stats(self) -> ShareStatistics:
        """Return counters of the share and its state at this moment."""
        found = self._share._statistics()  # noqa: SLF001
        return ShareStatistics(
            puts=found["writes"],
            gets=found["reads"],
            bytes_put=found["bytes_written"],
            bytes_got=found["bytes_read"],
            taken=self._share._taken(),  # noqa: SLF001
            **{field: found[field] for field in ShareStatistics._fields if field in found},
        )

    # -- what it is ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The object's name, without a leading slash."""
        return self._share.name

    @property
    def mode(self) -> str:
        """``"put"`` or ``"get"``."""
        return self._mode

    @property
    def closed(self) -> bool:
        """Whether the endpoint was closed."""
        return self._share.closed

    @property
    def is_current(self) -> bool:
        """Whether the name still leads to this object: False once it was unlinked or re-created."""
        return self._share.is_current

    def fileno(self) -> int:
        """Return a descriptor that is readable while a value waits to be taken, for `select` and event loops.

        It is level-triggered and belongs to the endpoint; nothing can be read from it. A forked child gets another one.
        """
        return self._share.fileno()

    def _pollables(self) -> tuple[Share]:
        return (self._share,)

    async def _take(self, attempt: Callable[[], Any], timeout: float | None) -> Any:
        """Cancelled while it waits, it has taken nothing."""
        if self._mode != "get":
            self._refuse_get()
        return await waiting.take(self._share, attempt, timeout)

    def close(self) -> None:
        """Close the endpoint; views of it stay. May be called twice."""
        self._share.close()

    def _check_open(self) -> None:
        """Raise `Closed` for an endpoint that is."""
        _ = self._share.version

    def _properties(self) -> dict[str, Any]:
        if not hasattr(self, "_share"):
            raise Closed("this endpoint was never opened: its constructor failed or did not run")
        return self._share._properties()  # noqa: SLF001

    def _progress(self) -> str:
        if self.version == 0:
            return "empty"
        waits = self._share.version != self._share._taken()  # noqa: SLF001
        return f"version {self._share.version} {'waits' if waits else 'was taken'}"

    def _described(self, condition: str, properties: dict[str, Any]) -> str:
        return f"{self._mode}, {condition}, {properties['slots']} slots of {properties['max_size']} bytes"


@final
class SharedAssign(Endpoint):
    """Assignment between processes: what the side that puts gives, the side that gets takes.

    A value is taken by one ``get`` at most, however many wait. It survives the death of either side: that of its giver
    once it was put, that of its taker until it was taken.

    Args:
        name: 1 to 200 bytes of UTF-8; one leading ``/`` is ignored.
        size: Bytes of the largest value, without the few that describe its arrays; ``"5K"``, ``"5M"``, ``"1G"``. Not
            given, or None: what is there.
        mode: ``"put"``: this side gives; ``"get"``: it takes.
        slots: Places for values, 2 to 65,535. One is the newest value, one the value being put; each view that is alive
            and each process that was stopped in a put takes another.
        create: False: a missing object is `ObjectNotFound`.
        persistent: False: the last endpoint to close removes the object, also when the last ones died (by the next
            open, or ``memlane gc``). Default: True for a new object, else what it is.
        protocol: The pickle protocol of a new object's values that are not plain; 2 for peers on Python 2.7.
        allow_pickle: True loads pickles that others could have written, False loads none. Default: those that only this
            user and root can have written.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        permissions: File mode of a new object, and the most that an existing one may have.
        peer_uid: Another user whose object is accepted.
        max_participants: Endpoints that can be open at once, 1 to 1,024.

    Raises:
        ValueError: The mode is neither, or the size is none.
        SizeMismatch: The object has other sizes than were given.
        NoSpace: The memory could not be reserved.
        Error: Any other reason; see `memlane.errors`.

    Units: sizes in bytes, times in seconds.
    Concurrency: any number of processes and threads on either side.
    """

    __slots__ = ()

    def put(self, value: object) -> int:
        """Give a value in place of one that was not taken. Never waits.

        Returns:
            Its version; 0 where other puts gave newer ones meanwhile.

        Raises:
            OOMError: It does not fit; the old value stays.
            NoFreeSlot: Every slot is held by live views, loans and puts; the message names them. The old value stays.
            WriteAccessError: This side takes.
        """
        return self._put(value)

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the next value and take it.

        Args:
            timeout: Seconds; None waits for ever, 0 only looks.

        Raises:
            Timeout: No value was put in time.
            Closed: The endpoint was closed, also by another thread meanwhile.
            ReadAccessError: This side gives.
        """
        if self._mode != "get":
            self._refuse_get()
        return self._share._get(timeout)[0]  # noqa: SLF001

    def read(self, timeout: float | None = None) -> Reading:
        """Take the next value as `get` does; return it with its version and time."""
        if self._mode != "get":
            self._refuse_get()
        return Reading(*self._share._get(timeout))  # noqa: SLF001

    async def get_async(self, timeout: float | None = None) -> Any:
        """Wait for the next value and take it: `get`, in asyncio or trio. Cancelled, it has taken nothing."""
        return await self._take(lambda: self.get(0), timeout)

    async def read_async(self, timeout: float | None = None) -> Reading:
        """Take the next value as `get_async` does; return it with its version and time."""
        taken: Reading = await self._take(lambda: self.read(0), timeout)
        return taken


@final
class NumpyShare(Endpoint):
    """Assignment of arrays between processes: dtype, shape and order travel along.

    What `SharedAssign` says of values, sizes, modes and arguments holds here too. An array is copied once into shared
    memory by ``put``, and once out of it by ``get``; a loan and a view copy nothing.
    """

    __slots__ = ()

    @classmethod
    def _converter(cls) -> Callable[[object], Any]:
        convert: Callable[[object], Any] = _arrays().as_array
        return convert

    def put(self, array: object) -> int:
        """Give an array in place of one that was not taken. Never waits.

        Args:
            array: An ndarray of numbers, text or bytes of fixed size, times, or structures of these; or anything with
                the buffer protocol or DLPack, in the host's memory. One with gaps is put in C order.

        Returns:
            Its version; 0 where other puts gave newer ones meanwhile.

        Raises:
            OOMError: It takes more bytes than the share's size; the old array stays.
            TypeError: It is no array, or holds Python objects.
            NoFreeSlot: Every slot is held by live views, loans and puts; the message names them. The old array stays.
            WriteAccessError: This side takes.
        """
        return self._put(array)

    def get(self, timeout: float | None = None, *, copy: bool = True) -> Any:
        """Wait for the next array and take it.

        Args:
            timeout: Seconds; None waits for ever, 0 only looks.
            copy: False: the array lies in shared memory, read-only. It keeps a slot, and stays as it is while it lives;
                an endpoint can have four at once.

        Raises:
            Timeout: No array was put in time.
            TooManyViews: This endpoint has four arrays in place already; the next one still waits.
            TypeError: What waits is no array; it still waits.
            Closed: The endpoint was closed, also by another thread meanwhile.
            ReadAccessError: This side gives.
        """
        if self._mode != "get":
            self._refuse_get()
        return (self._share._get(timeout) if copy else self._share._view_next(timeout))[0]  # noqa: SLF001

    def read(self, timeout: float | None = None, *, copy: bool = True) -> Reading:
        """Take the next array as `get` does; return it with its version and time."""
        if self._mode != "get":
            self._refuse_get()
        return Reading(*(self._share._get(timeout) if copy else self._share._view_next(timeout)))  # noqa: SLF001

    async def get_async(self, timeout: float | None = None, *, copy: bool = True) -> Any:
        """Wait for the next array and take it: `get`, in asyncio or trio. Cancelled, it has taken nothing."""
        return await self._take(lambda: self.get(0, copy=copy), timeout)

    async def read_async(self, timeout: float | None = None, *, copy: bool = True) -> Reading:
        """Take the next array as `get_async` does; return it with its version and time."""
        taken: Reading = await self._take(lambda: self.read(0, copy=copy), timeout)
        return taken

    def loan(self, shape: int | tuple[int, ...], dtype: Any, *, order: Literal["C", "F"] = "C") -> Loan:
        """Fill a free slot in place: no copy is made.

        A context manager; its block gets an array over shared memory, writable and with undefined contents. The end of
        the block puts it, an exception drops it. It must not be used afterwards.

        Raises:
            OOMError: It would not fit.
            NoFreeSlot: Every slot is held by live views, loans and puts; the message names them.
            WriteAccessError: This side takes.
        """
        if self._mode != "put":
            self._refuse_put()
        outline = _arrays().outline(shape, dtype, order)
        size = self._share._size  # noqa: SLF001
        if outline.nbytes > size:
            raise OOMError(
                f"share {self.name!r}: a loan of {outline.nbytes} bytes was asked for, at most size={size} fit: loan"
                " less, or memlane.unlink() it and create it with a larger size="
            )
        try:
            return self._share._loan(outline, 0)  # noqa: SLF001
        except ValueTooLarge as error:  # a dtype that takes kilobytes to describe
            raise OOMError(str(error)) from None


def _arrays() -> ModuleType:
    """Return the module that is written with numpy, which only who shares arrays needs."""
    found = sys.modules.get("memlane.arrays")
    if found is not None:
        return found
    try:
        return importlib.import_module("memlane.arrays")
    except ImportError as error:
        raise MissingDependency("memlane.NumpyShare needs numpy: pip install numpy, or use SharedAssign") from error

"""Host variables: the latest value of a thing, for every process of the host."""

from __future__ import annotations

from memlane import event_loop, settings, waiting
from memlane._native.variable import Variable
from memlane.codec.reference import require_reference
from memlane.endpoint import NamedEndpoint
from memlane.errors import MissingDependency, ValueTooLarge
from memlane.names import encoded_name
from memlane.settings import TYPE_CHECKING, final

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Any, Literal

    from memlane._native.loan import Loan
    from memlane.readings import Reading, VariableStatistics


def largest_bytes(max_size: int) -> int:
    """Return the size of the largest bytes object whose encoded form takes at most ``max_size`` bytes.

    ``docs/format/plain-codec.md`` has the numbers: long ones begin at a cache line of their own behind a table, short
    ones follow a tag and a length of one byte or five.
    """
    buffer_bytes, line, short_limit = 4096, 64, 253
    if max_size >= buffer_bytes + line:
        return max_size - line
    short = min(max_size - 2, short_limit)
    return max(short, min(max_size - 6, buffer_bytes - 1), 0)


def empty_array(shape: int | tuple[int, ...] | None, dtype: Any, order: Literal["C", "F"]) -> Any:
    """Return an array whose memory is never touched: it only says what is going to be filled in."""
    try:
        import numpy as np  # noqa: PLC0415  (only who loans arrays needs it)
    except ImportError as error:
        raise MissingDependency("a loan with a dtype needs numpy: pip install numpy, or loan bytes by size=") from error
    if shape is None:
        raise TypeError("a loan with a dtype needs a shape")
    return np.empty(shape, dtype, order=order)


@final
class HostVariable(NamedEndpoint, Variable):
    """The latest value of a thing, readable and writable by every process of the host.

    The first to open creates the object. It stays until it is unlinked, so that a value survives its writer, however
    that ended. Reading and writing never wait for another process, dead, stopped or alive.

    Args:
        name: 1 to 200 bytes of UTF-8; one leading ``/`` is ignored.
        max_size: Bytes of the largest encoded value. It costs memory, not time: an access costs what its value takes.
        data_format: Fixes what values are: a ``ctypes.Structure`` subclass, a numpy ``dtype`` (with a shape, where
            values are arrays), or a ``msgspec.Struct`` subclass of fields of fixed width. Values are then the bytes of
            that struct, which C programs share, and ``max_size`` is its size. Default: what the object has.
        slots: Places for values, 2 to 65,535. One is the current value; each value being written, loaned or viewed, and
            each writer that was stopped in the middle of a write, takes another.
        create: False: a missing object is `ObjectNotFound`.
        persistent: False: the last endpoint to close removes the object, also when the last ones died (by the next
            open, or ``memlane gc``). Default: True for a new object, else what it is.
        protocol: The pickle protocol of a new object's values that are not plain; 2 for peers on Python 2.7.
        allow_pickle: True loads pickles that others could have written, False loads none. Default: those that only this
            user and root can have written.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        mode: File mode of a new object, and the most that an existing one may have.
        peer_uid: Another user whose object is accepted.
        max_participants: Endpoints that can be open at once, 1 to 1,024.

    Raises:
        ObjectNotFound: There is no such object, and ``create=False``.
        SizeMismatch: The object has other sizes than were given.
        SchemaMismatch: The object has another format than was given; the message names the first field that differs.
        TypeError: *data_format* is none, or has a field that cannot be shared.
        NoSpace: The memory could not be reserved.
        Error: Any other reason; see `memlane.errors`.

    Units: sizes in bytes, times in seconds.
    Concurrency: any number of processes and threads; the write that commits last wins, and none fails because of
        another.
    """

    __slots__ = ("__weakref__", "_allow_pickle", "_declared", "_peer_uid", "_permissions")

    _NOUN = "variable"
    _KEPT = ("_allow_pickle", "_permissions", "_peer_uid", "_declared")
    _ADOPTED = ("max_size", "slots", "participants", "protocol")

    def __init__(  # noqa: PLR0913  (each argument is named)
        self,
        name: str | bytes,
        max_size: int = settings.MAX_SIZE,
        data_format: Any = None,
        *,
        slots: int = settings.SLOTS,
        create: bool = True,
        persistent: bool | None = None,
        protocol: int = settings.PROTOCOL,
        allow_pickle: bool | None = None,
        directory: str | os.PathLike[str] | None = None,
        mode: int = 0o600,
        peer_uid: int | None = None,
        max_participants: int = settings.MAX_PARTICIPANTS,
    ) -> None:
        settings.require_positive(
            f"variable {name!r}", max_size=max_size, slots=slots, max_participants=max_participants
        )
        if protocol not in range(6):
            raise ValueError(f"variable {name!r}: protocol={protocol!r} is no pickle protocol from 0 to 5")
        self._permissions = mode
        self._peer_uid = -1 if peer_uid is None else peer_uid
        self._allow_pickle = allow_pickle
        self._declared = data_format
        self._open(
            encoded_name(name),
            settings.namespace_directory(directory),
            max_size=settings.given(max_size),
            slots=settings.given(slots),
            participants=settings.given(max_participants),
            protocol=settings.given(protocol),
            persistent=persistent,
            create=create,
            uuid=None,
            **self._given(),
        )

    def _given(self) -> dict[str, Any]:
        return {**super()._given(), "allow_pickle": self._allow_pickle, "data_format": self._declared}

    def _check_pickle(self) -> None:
        super()._check_pickle()
        require_reference("data_format", self._declared)

    def _check_open(self) -> None:
        """Raise `Closed` for an endpoint that is."""
        _ = self.version

    def _progress(self) -> str:
        return f"version {self.version}"

    def _described(self, condition: str, properties: dict[str, Any]) -> str:
        return f"{condition}, {properties['slots']} slots of {properties['max_size']} bytes{self._format_text()}"

    def _format_text(self) -> str:
        return f", {len(self.fields)} fields" if self.fields else ""

    def read(self) -> Reading:
        """Return the latest value together with its version and time, all of one write. Raises `Empty`."""
        import memlane.readings as kinds  # noqa: PLC0415  (named tuples take as long as all else of the import)

        return kinds.Reading(*self._read())

    def updates(self, timeout: float | None = None) -> Iterator[Any]:
        """Iterate over the values to come, the latest first when there is one.

        A slow reader skips: it always gets the latest value; ``stats().skipped`` counts what was passed over.

        Args:
            timeout: Seconds to wait for each value.

        Raises:
            Timeout: No newer value came in time.
            Closed: The endpoint was closed.
        """
        while True:
            yield self._next(timeout)

    async def wait_async(self, newer_than: int | None = None, timeout: float | None = None) -> Any:
        """Wait until there is a newer version, and return the latest value: `wait`, in asyncio or trio.

        Cancelled while it waits, it has returned nothing: the next wait returns that value.
        """
        since = self._seen if newer_than is None else newer_than
        return await self._take_newer(since, lambda: self.wait(since, 0), timeout)

    def updates_async(self, timeout: float | None = None) -> AsyncIterator[Any]:
        """Iterate over the values to come, the latest first when there is one: `updates`, in asyncio or trio."""
        return waiting.Updates(lambda: self._take_next(timeout))

    def _take_next(self, timeout: float | None) -> Awaitable[Any]:
        since = self._seen
        return self._take_newer(since, lambda: self._next(0, since), timeout)

    def _take_newer(self, since: int, attempt: Callable[[], Any], timeout: float | None) -> Awaitable[Any]:
        """Another task, or thread, of this endpoint may read that value too, and other tasks wait beyond others."""
        ticket = event_loop.Ticket()
        return waiting.take(
            self,
            attempt,
            timeout,
            expect=lambda: self._expect(ticket, since),
            relax=lambda: self._expect(ticket, None),
        )

    def loan(
        self,
        shape: int | tuple[int, ...] | None = None,
        dtype: Any = None,
        *,
        size: int | None = None,
        order: Literal["C", "F"] = "C",
        timeout: float | None = 1.0,
    ) -> Loan:
        """Fill a free slot in place: no copy is made.

        A context manager; its block gets the slot, writable and with undefined contents. The end of the block publishes
        it, an exception drops it. What the block was given must not be used afterwards. A loan keeps one slot out of
        use; the endpoint can write other values meanwhile. Of a fixed format the block gets what `view` gives, but
        writable.

        Args:
            shape: Of an array. Needs *dtype*.
            dtype: Of an array: readers get an ndarray. None: readers get ``bytes``, and the block gets a memoryview.
            size: Bytes, without *dtype*. Default: as many as fit.
            order: ``"C"`` or ``"F"``: how the array's elements are laid out.
            timeout: Seconds to wait for a free slot.

        Raises:
            NoFreeSlot: Every slot is held by a live writer, loan or view; the message names them.
            ValueTooLarge: The value would not fit.
            BufferError: Parts of the memoryview are still in use at the end of the block; nothing was published.
        """
        if self.fields:
            if shape is not None or dtype is not None or size is not None:
                raise TypeError("a loan of a variable with a format is of that format: leave shape, dtype and size out")
            return self._loan(None, timeout)
        if dtype is not None:
            if size is not None:
                raise TypeError("a loan with a dtype has the size that its shape takes: leave size= out")
            return self._loan(empty_array(shape, dtype, order), timeout)
        if shape is not None:
            raise TypeError("a loan with a shape needs a dtype; for plain bytes give size=")
        max_size = self._properties()["max_size"]
        size = largest_bytes(max_size) if size is None else size
        if size < 0:
            raise ValueError(f"a loan of size={size!r} bytes: give 0 or more")
        if size > max_size:  # before so many bytes are made to measure it
            raise ValueTooLarge(
                f"variable {self.name!r}: a loan for this value takes {size!r} bytes, at most max_size={max_size} fit:"
                " ask for less, or memlane.unlink() it and create it with a larger max_size="
            )
        return self._loan(bytes(size), timeout)

    def stats(self) -> VariableStatistics:
        """Return counters of the object and its state at this moment."""
        import memlane.readings as kinds  # noqa: PLC0415  (as in read)

        return kinds.VariableStatistics(**self._statistics())

"""Byte channels: a stream from one writer to one reader, of which no byte is lost and none doubled, whoever dies.

Programs of the old channel module find all its names here: ``import memlane.channel as smipc``.
"""

from __future__ import annotations

import operator
import sys
import weakref
from errno import ETIMEDOUT
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, final

from memlane import settings, turns
from memlane._native.channel import ChannelEnd, bytes_of
from memlane.endpoint import NamedEndpoint
from memlane.errors import (
    EndpointBusy,
    InvalidArgument,
    ObjectNotFound,
    OperationFailedError,
    OppositeEndClosedError,
    OppositeEndDiedError,
    ParameterTypeError,
    Timeout,
)
from memlane.errors import Error as SmipcError
from memlane.names import encoded_name

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from typing_extensions import Buffer

    from memlane._native.span import Span
    from memlane.listener import Listener

__all__ = [
    "CHAN_R",
    "CHAN_W",
    "LOG_ALL",
    "LOG_BASIC",
    "LOG_DISABLE",
    "Channel",
    "ChannelStatistics",
    "ChannelStatus",
    "EndpointBusy",
    "OperationFailedError",
    "OppositeEndClosedError",
    "OppositeEndDiedError",
    "ParameterTypeError",
    "SmipcError",
    "clean_library",
    "init_library",
    "open_channel",
]

CHAN_R, CHAN_W = 0, 1
LOG_DISABLE, LOG_BASIC, LOG_ALL = 0, 1, 2

# Above CRITICAL, INFO, DEBUG: as logging counts, which is imported only where somebody uses it.
LEVELS = {LOG_DISABLE: 60, LOG_BASIC: 20, LOG_ALL: 10}

# Every channel of this process that was not collected yet.
opened: weakref.WeakSet[Channel] = weakref.WeakSet()


class ChannelStatus(NamedTuple):
    """What a channel is at this moment; ``str()`` gives the line that `Channel.print_status` prints."""

    cid: str
    mode: str
    """``R`` or ``W``."""
    hSharedMem: int  # noqa: N815  (the document's name)
    """The descriptor of the channel's file in this process."""
    listener: bool
    """Whether a callback gets the bytes."""
    RO: bool
    """A reader is open."""
    WO: bool
    """A writer is open."""
    RC: bool
    """There was a reader, and it closed or died."""
    WC: bool
    """There was a writer, and it closed or died."""
    hREvt: int  # noqa: N815  (the document's name)
    """Where in the file the word lies that the reader sleeps on."""
    hWEvt: int  # noqa: N815  (the document's name)
    """Where in the file the word lies that the writer sleeps on."""
    bufSz: int  # noqa: N815  (the document's name)
    """Bytes that the channel can hold."""
    rc: int
    """Bytes of the stream that were read."""
    wc: int
    """Bytes of the stream that were written."""
    state: str
    """``empty``, ``full`` or ``normal``."""

    def __str__(self) -> str:
        return (
            f"Channel({self.cid}): mode={self.mode} hSharedMem={self.hSharedMem} listener={self.listener:d}"
            f" syncBuf={{RO={self.RO:d} WO={self.WO:d} RC={self.RC:d} WC={self.WC:d} hREvt={self.hREvt}"
            f" hWEvt={self.hWEvt} bufSz={self.bufSz} rc={self.rc} wc={self.wc} state={self.state}}}"
        )


class ChannelStatistics(NamedTuple):
    """What happened to a channel, summed over all endpoints that ever were, and what is at this moment."""

    writes: int
    """Pieces that were published: a write that had to wait for room counts each."""
    reads: int
    bytes_written: int
    bytes_read: int
    waits: int
    """How often an end had to sleep: many say that a larger channel would be faster."""
    recovered: int
    """Ends that were taken over from the dead."""
    filled: int
    """Bytes in the channel now."""
    live_participants: int
    """Open endpoints of live processes."""
    is_current: bool
    """Whether the name still leads to this channel."""


def log(level: int, message: str, *values: object) -> None:
    """Log where somebody can listen: who has not imported logging cannot have asked for anything."""
    get_logger = getattr(sys.modules.get("logging"), "getLogger", None)  # none yet: another thread is importing it
    if get_logger is not None:
        get_logger("memlane").log(level, message, *values)


def require(kind: type | tuple[type, ...], argument: str, value: object, expected: str) -> None:
    """Raise `ParameterTypeError` for a value of another type."""
    if not isinstance(value, kind):
        raise ParameterTypeError(f"{argument} is {expected}, not {type(value).__name__}")


def state_of(filled: int, capacity: int) -> str:
    """Name how full a channel is."""
    if filled == 0:
        return "empty"
    return "full" if filled >= capacity else "normal"


@final
class Channel(NamedEndpoint, ChannelEnd):
    """One end of a stream of bytes between two processes.

    The first to open creates the channel. It has one reader and one writer; where one closed or died, another may take
    its place, and goes on at the byte where the first one stopped. The channel lives while somebody has it open or
    bytes are in it, unless it is persistent.

    Args:
        cid: The channel's name: 1 to 200 bytes of UTF-8; one leading ``/`` is ignored.
        mode: ``CHAN_R`` to read, ``CHAN_W`` to write.
        chanSz: Bytes that a new channel can hold, exactly; from 1 up. An existing channel is used as it is, whatever
            is given.
        create: False: a missing channel is `ObjectNotFound`.
        persistent: True: a new channel stays until it is unlinked. Default: what it is, else False.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        file_mode: File mode of a new channel, and the most that an existing one may have.
        peer_uid: Another user whose channel is accepted.
        max_participants: Endpoints that can be open at once, 1 to 1,024.

    Raises:
        EndpointBusy: The channel has a live reader, or writer, already.
        NoSpace: The memory could not be reserved.
        Error: Any other reason; see `memlane.errors`.

    Units: sizes in bytes, times in seconds.
    Concurrency: threads may share an endpoint; each read and write is whole, and they take turns.
    """

    __slots__ = ("__weakref__", "_listener", "_mode", "_peer_uid", "_permissions", "_turns")

    _NOUN = "channel"
    _KEPT = ("_mode", "_permissions", "_peer_uid")
    _ADOPTED = ("capacity", "participants")

    def __init__(  # noqa: PLR0913  (each argument is named)
        self,
        cid: str | bytes,
        mode: int,
        chanSz: int = settings.CHANNEL_SIZE,  # noqa: N803  (the document's name)
        *,
        create: bool = True,
        persistent: bool | None = None,
        directory: str | os.PathLike[str] | None = None,
        file_mode: int = 0o600,
        peer_uid: int | None = None,
        max_participants: int = settings.MAX_PARTICIPANTS,
    ) -> None:
        require((str, bytes), "cid", cid, "str or bytes")
        require(SupportsIndex, "mode", mode, "CHAN_R or CHAN_W")
        require(SupportsIndex, "chanSz", chanSz, "a number of bytes")
        if mode not in {CHAN_R, CHAN_W}:
            raise ValueError(f"channel {cid!r}: mode={mode!r} is neither CHAN_R ({CHAN_R}) nor CHAN_W ({CHAN_W})")
        settings.require_positive(f"channel {cid!r}", max_participants=max_participants)
        self._mode = operator.index(mode)
        self._permissions = file_mode
        self._peer_uid = -1 if peer_uid is None else peer_uid
        is_size = chanSz > 0  # else a channel that exists can be opened all the same
        try:
            self._open(
                encoded_name(cid),
                settings.namespace_directory(directory),
                capacity=settings.given(chanSz) if is_size else None,
                participants=settings.given(max_participants),
                persistent=persistent,
                create=create and is_size,
                uuid=None,
                **self._given(),
            )
        except ObjectNotFound:
            if is_size or not create:
                raise
            raise InvalidArgument(f"channel {cid!r}: chanSz={chanSz!r} is not positive: give 1 byte or more") from None
        self._begin()

    def _begin(self) -> None:
        self._listener: Listener | None = None
        self._turns = turns.Turns()
        opened.add(self)
        log(LEVELS[LOG_BASIC], "channel %r: opened for %s", self.name, "reading" if self.readable() else "writing")

    def _given(self) -> dict[str, Any]:
        return {"mode": self._mode, "file_mode": self._permissions, "peer_uid": self._peer_uid}

    def _check_pickle(self) -> None:
        """Allow it: the receiver opens the end once this one was closed."""

    def _reopen(self, properties: dict[str, Any]) -> None:
        super()._reopen(properties)
        self._begin()

    def _progress(self) -> str:
        return f"at byte {self.position}"

    def _described(self, condition: str, properties: dict[str, Any]) -> str:
        end = "reader" if self._mode == CHAN_R else "writer"
        return f"{end}, {condition}, of {properties['capacity']} bytes"

    def close(self) -> None:
        """Close this end; the other one learns of it. May be called twice."""
        if not self.closed:
            log(LEVELS[LOG_BASIC], "channel %r: closed at byte %d", self.name, self.position)
        super().close()

    def read_async(self, callback: Callable[[bytes], object]) -> Listener:
        """Call back from a thread with whatever arrives; other readings of this endpoint are refused meanwhile.

        Args:
            callback: Gets bytes, one or more. They are consumed after it returned. When it raises, that is logged, the
                listener ends, and what it was given stays in the channel.

        Returns:
            A handle: ``stop()`` ends it, ``running`` tells whether it listens.
        """
        from memlane.listener import Listener  # noqa: PLC0415  (threads take their time to import)

        self._check_reader()
        if not self.readable():
            raise ValueError(f"channel {self.name!r}: this end was opened for writing only")
        if not callable(callback):
            raise ParameterTypeError(f"channel {self.name!r}: callback={callback!r} cannot be called")
        self._begin_listening()
        try:
            self._listener = Listener(self, callback)
        except BaseException:  # no thread could be started
            self._end_listening()
            raise
        return self._listener

    async def read_bytes_async(self, n: int, timeout: float | None = None) -> bytes:
        """Wait for ``n`` bytes and return them, fewer at the end of the stream: `read_bytes`, in asyncio or trio.

        Tasks take turns. Cancelled while it waits, it has taken nothing: the next reading returns those bytes.
        """
        return await turns.take_in_turn(
            self._turns,
            self,
            lambda: self.read_bytes(n, 0),
            timeout,
            expect=lambda: self._expect(n),
            relax=self._relax,
        )

    async def write_async(self, data: Buffer, timeout: float | None = None) -> int:
        """Write all bytes, waiting while the channel is full: `write`, in asyncio or trio.

        Tasks take turns. What the channel can hold goes in as a whole: cancelled while it waits, or timed out, it has
        written nothing. Larger data go in piece by piece, and what went in then stays; `position` says how much.
        """
        view = bytes_of(data)
        written = 0

        def attempt() -> int:
            nonlocal written
            try:
                written += self._write_now(view[written:]) if written < len(view) else 0
            except (Timeout, OppositeEndClosedError) as error:
                error.written = written
                raise
            if written < len(view):
                missed = Timeout(
                    ETIMEDOUT, f"channel {self.name!r}: room for {len(view) - written} bytes did not come in time"
                )
                missed.written = written
                raise missed
            return written

        return await turns.take_in_turn(
            self._turns,
            self,
            attempt,
            timeout,
            expect=lambda: self._expect(len(view) - written),
            relax=self._relax,
        )

    def _relax(self) -> None:
        """Poll for single bytes again, unless the end was closed or lost meanwhile."""
        if not self.closed:
            self._expect(1)

    def reserve(self, n: int, timeout: float | None = None) -> Span:
        """Fill ``n`` bytes of the channel in place, in a ``with`` block: its end publishes them, an exception does not.

        Args:
            n: Bytes, at most as many as the channel can hold.
            timeout: Seconds to wait for room; None waits for ever.

        Raises:
            Timeout: There was no room in time.
            OppositeEndClosedError: There is no room, and the reader closed or died.
        """
        return self._span(n, timeout, to_read=False)

    def peek(self, n: int | None = None, timeout: float | None = None) -> Span:
        """Look at the next bytes in place, in a ``with`` block: its end consumes them, an exception does not.

        Bytes that a reading before had to leave come first, and are copied.

        Args:
            n: Bytes, at most as many as the channel can hold. None: those that are there, one at least, as far as they
                lie in one piece.
            timeout: Seconds to wait for them; None waits for ever.

        Raises:
            Timeout: They did not come in time.
            OppositeEndClosedError: They never will: the writer closed or died.
        """
        self._check_reader()
        return self._span(n, timeout, to_read=True)

    def status(self) -> ChannelStatus:
        """Return ends, cursors and how full the channel is, at this moment."""
        found = self._status()
        return ChannelStatus(
            cid=self.name,
            mode="R" if self.readable() else "W",
            hSharedMem=found["descriptor"],
            listener=self._listener is not None and self._listener.running,
            RO=found["reader_is_open"],
            WO=found["writer_is_open"],
            RC=found["reader_is_closed"],
            WC=found["writer_is_closed"],
            hREvt=found["data_bell_offset"],
            hWEvt=found["room_bell_offset"],
            bufSz=found["capacity"],
            rc=found["read_cursor"],
            wc=found["write_cursor"],
            state=state_of(found["write_cursor"] - found["read_cursor"], found["capacity"]),
        )

    def print_status(self) -> None:
        """Print `status` as one line."""
        print(self.status())  # noqa: T201  (it is what the document promises)

    def stats(self) -> ChannelStatistics:
        """Return counters of the channel and its state at this moment."""
        return ChannelStatistics(**self._statistics())


def open_channel(
    cid: str | bytes,
    mode: int,
    chanSz: int = settings.CHANNEL_SIZE,  # noqa: N803  (the document's name)
    **options: Any,
) -> Channel:
    """Open one end of a channel, or create the channel: see `Channel`, whose arguments these are."""
    return Channel(cid, mode, chanSz, **options)


def init_library(logLevel: int = LOG_DISABLE) -> None:  # noqa: N803  (the document's name)
    """Set what the logger ``memlane`` lets through: nothing, opening and closing (``LOG_BASIC``), or all.

    Nothing else needs it: a program that configures `logging` itself does not have to call it.
    """
    if logLevel not in LEVELS:
        raise ValueError(f"logLevel={logLevel!r} is none of LOG_DISABLE (0), LOG_BASIC (1) and LOG_ALL (2)")
    import logging  # noqa: PLC0415  (who does not log does not wait for it)

    logging.getLogger("memlane").setLevel(LEVELS[logLevel])


def clean_library() -> None:
    """Close every channel that this process has open. What peers have open stays open to them."""
    for channel in list(opened):
        channel.close()

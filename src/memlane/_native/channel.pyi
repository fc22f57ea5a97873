"""One end of a channel: bytes in or out."""

from typing import Any

from typing_extensions import Buffer, Self

from memlane._native.endpoint import Endpoint
from memlane._native.span import Span

def bytes_of(data: Buffer) -> memoryview:
    """Return the bytes of a bytes-like object, in their order, as a memoryview of bytes."""

class ChannelEnd(Endpoint):
    """The part of `memlane.Channel` that works on shared memory."""

    def _open(
        self,
        name: bytes,
        directory: bytes,
        *,
        mode: int,
        capacity: int | None,
        participants: int | None,
        persistent: bool | None,
        file_mode: int,
        peer_uid: int,
        create: bool,
        uuid: bytes | None,
    ) -> None:
        """Open or create. None stands for what was not given; an empty directory for the default one."""

    def write(self, data: Buffer, timeout: float | None = None) -> int:
        """Write all bytes, waiting while the channel is full.

        Args:
            data: Any bytes-like object.
            timeout: Seconds; None waits for ever, 0 writes what fits at once.

        Returns:
            How many bytes were written: all.

        Raises:
            Timeout: The time was over first; ``written`` says how many bytes went in.
            OppositeEndClosedError: The channel is full, and the reader closed or died. What was written stays for the
                next reader; ``written`` says how much that is.
        """

    def write_some(self, data: Buffer) -> int:
        """Write what fits at once, and return how many bytes that were.

        Raises:
            OppositeEndClosedError: Nothing fits, and the reader closed or died.
        """

    def read(self, buf: Buffer, n: int, blocking: bool = False, *, timeout: float | None = None) -> int:
        """Read up to ``n`` bytes into a writable buffer.

        Args:
            buf: Any writable bytes-like object, such as one of ``ctypes.create_string_buffer``.
            n: Bytes, at most the buffer's size.
            blocking: False takes what is there; True waits until ``n`` bytes came, or the stream ended.
            timeout: Seconds that a blocking read waits; None waits for ever. What was read until then stays for the
                next reading.

        Returns:
            How many bytes were read: 0 when there is nothing.

        Raises:
            OppositeEndClosedError: Nothing is left, and the writer closed or died.
            Timeout: The time was over first.
        """

    def read_bytes(self, n: int, timeout: float | None = None) -> bytes:
        """Wait for ``n`` bytes and return them; fewer at the end of the stream.

        Args:
            n: Bytes.
            timeout: Seconds; None waits for ever. What was read until then stays for the next reading.

        Raises:
            OppositeEndClosedError: Nothing is left, and the writer closed or died.
            Timeout: The time was over first.
        """

    def readinto(self, buffer: Buffer) -> int:
        """Wait for a byte at least, and read what is there into a writable buffer, as raw files do.

        Returns:
            How many bytes were read: 0 at the end of the stream.
        """

    def readall(self) -> bytes:
        """Read to the end of the stream, as raw files do, and return all bytes."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes:
        """Return what came, as soon as there is something; the end of the stream ends the iteration."""

    def _span(self, n: int | None, timeout: float | None, to_read: bool) -> Span:
        """Take bytes in place, to read or to write; n None: what is there to read."""

    def _write_now(self, data: Buffer) -> int:
        """Write all where the channel can hold it, else what fits; return the count. `Timeout`: there is no room."""

    def _expect(self, count: int) -> None:
        """Poll for so many bytes to read, or to write; for a part of them where the channel cannot hold them."""

    def _check_reader(self) -> None:
        """Raise where somebody else gets the bytes, or nobody."""

    def _consume_unread(self, count: int) -> None:
        """Forget bytes that were shown."""

    def _put_back_unread(self, unread: bytes) -> None:
        """Leave bytes that were taken for the next reading."""

    def _begin_listening(self) -> None:
        """Give the reading to a listener; raise where another one has it."""

    def _end_listening(self) -> None:
        """Give it back to everybody."""

    def close(self) -> None:
        """Close this end; the other one learns of it. May be called twice."""

    @property
    def closed(self) -> bool:
        """Whether this end was closed."""

    def readable(self) -> bool:
        """Whether this is the reading end, as files say it."""

    def writable(self) -> bool:
        """Whether this is the writing end, as files say it."""

    def seekable(self) -> bool:
        """Whether one can go back, as files say it: never."""

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    @property
    def position(self) -> int:
        """How many bytes of the stream this end and those before it have read, or written.

        What was read before a reading failed and is still to be returned does not count.
        """

    @property
    def is_current(self) -> bool:
        """Whether the name still leads to this channel: False once it was unlinked or re-created."""

    def _properties(self) -> dict[str, Any]: ...
    @property
    def name(self) -> str:
        """The channel's name, without a leading slash."""

    def _status(self) -> dict[str, Any]: ...
    def _statistics(self) -> dict[str, Any]: ...

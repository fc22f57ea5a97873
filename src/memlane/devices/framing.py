"""Frames in a stream of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memlane.messaging import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

# What has grown longer without a delimiter is noise; it is given out as a frame, which nobody decodes.
_LONGEST = 2 * Message.MAX_ENCODING_SIZE


class Framer:
    r"""Cuts a stream into frames at the zero bytes between them.

    Example:
        >>> framer = Framer()
        >>> list(framer.feed(b"ab"))
        []
        >>> list(framer.feed(b"c\0\0d\0e"))
        [b'abc', b'd']
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, content: bytes) -> Iterator[bytes]:
        """Take what arrived and return the frames that it completes."""
        *frames, self._rest = (self._rest + content).split(Message.DELIM)
        if len(self._rest) > _LONGEST:
            frames.append(self._rest)
            self._rest = b""
        return filter(None, frames)


def framed(message: Message) -> bytes:
    """Return what goes on the wire for a message. The delimiter in front ends whatever noise was there."""
    return Message.DELIM + message.encode() + Message.DELIM

"""Bytes of a channel, in place."""

from types import TracebackType

class Span:
    """Bytes of a channel in a ``with`` block: a good end publishes or consumes them, an exception leaves all as it was.

    What the block is given must not be used after it: the bytes belong to the other end then.
    """

    def __enter__(self) -> memoryview: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

"""A thread that gives the bytes of a channel to a callback."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, final

from memlane.errors import Closed, OppositeEndClosedError, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from memlane._native.channel import ChannelEnd

# How late a listener notices stop().
CHUNK_SECONDS = 0.05

logger = logging.getLogger("memlane")


@final
class Listener:
    """Calls back with whatever arrives at the reading end of a channel; made by `Channel.read_async`.

    Bytes are consumed after the callback returned: what it did not finish, a successor reads again. A callback that
    raises is logged and ends the listener, and so does the end of the stream. A context manager, which stops it.
    """

    __slots__ = ("__weakref__", "_callback", "_channel", "_is_stopping", "_thread")

    def __init__(self, channel: ChannelEnd, callback: Callable[[bytes], object]) -> None:
        self._channel = channel
        self._callback = callback
        self._is_stopping = False  # an event has a lock, which a forked child may find taken
        self._thread = threading.Thread(target=self._listen, name=f"memlane-{channel.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it still listens."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Listen no more. Afterwards the channel can be read again; bytes that came meanwhile are in it.

        Waits for a callback that is running, unless it is the caller.
        """
        self._is_stopping = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _listen(self) -> None:
        name = self._channel.name
        try:
            while not self._is_stopping:
                self._deliver()
        except OppositeEndClosedError as error:
            logger.info("%s", error)
        except Closed:
            logger.debug("channel %r: closed, its listener ends", name)
        except Exception:
            logger.exception("channel %r: its listener ends, and what it was given last is not consumed", name)
        finally:
            self._channel._end_listening()  # noqa: SLF001  (it has the reading)

    def _deliver(self) -> None:
        try:
            span = self._channel._span(None, CHUNK_SECONDS, to_read=True)  # noqa: SLF001
        except Timeout:
            return
        with span as view:
            self._callback(bytes(view))

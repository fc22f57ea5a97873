"""Reading ahead: a chunk takes milliseconds to unpack, and the values in it are due before that.

Reading, decompressing and checking take so long, and need no lock of Python's. Taking chunks apart is left to whoever
writes the values: the thread that reads ahead would hold that lock meanwhile, and go on holding it where its processor
is given to another program. For the same reason the two share no lock but that of a queue, and the thread has no lower
priority.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from memlane.recording.recording import Piece

_MOST_BYTES = 64 << 20
"""What is read ahead at most, of all objects: a second of large images."""
_FEW_BYTES = _MOST_BYTES // 2
"""What is left when the thread goes on: woken for each piece, it would run whenever a value has just been due."""
_LOOK_SECONDS = 0.05
"""Between two looks whether to end, while the first store is read."""


@final
class Ahead:
    """Pieces that a thread reads before they are asked for.

    A context manager: its beginning waits until there is a store of them, its end ends the thread.

    Args:
        pieces: What is read.
        is_over: Asked now and then whether to end early; then no further piece is given.
    """

    def __init__(self, pieces: Iterator[Piece], is_over: Callable[[], bool]) -> None:
        self._pieces = pieces
        self._is_asked_to_end = is_over
        self._store: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()  # None: that was all
        self._put_bytes = 0  # written by the thread alone
        self._taken_bytes = 0  # and this by the one that asks
        self._is_over = False
        self._failure: BaseException | None = None
        self._is_ready = threading.Event()
        self._is_wanted = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="memlane-read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            while not self._is_ready.wait(_LOOK_SECONDS) and not self._is_asked_to_end():
                pass
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._is_wanted.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Piece]:
        while not self._is_asked_to_end() and (piece := self._store.get()) is not None:
            self._taken_bytes += piece.size
            if self._put_bytes - self._taken_bytes < _FEW_BYTES and not self._is_wanted.is_set():
                self._is_wanted.set()
            yield piece
        if self._failure is not None:
            raise self._failure

    def _fill(self) -> None:
        try:
            for piece in self._pieces:
                self._put_bytes += piece.size
                self._store.put(piece)
                if self._put_bytes - self._taken_bytes >= _MOST_BYTES:
                    self._is_ready.set()
                    self._is_wanted.wait()
                    self._is_wanted.clear()
                if self._is_over:
                    return
        except BaseException as error:  # noqa: BLE001  (it is raised where the samples are used)
            self._failure = error
        finally:
            self._is_ready.set()
            self._store.put(None)

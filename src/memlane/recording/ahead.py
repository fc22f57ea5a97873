"""Reading ahead: a chunk takes milliseconds to unpack, and the values in it are due before that."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from memlane.recording.description import Description
    from memlane.recording.sample import Sample

_MOST_BYTES = 64 << 20
"""What is read ahead at most: a second of large images."""
_MOST_SAMPLES = 10_000
_NICENESS = 10


@final
class Ahead:
    """Samples that a thread reads before they are asked for. A context manager, whose end ends the thread."""

    def __init__(self, samples: Iterator[tuple[Description, Sample]]) -> None:
        self._samples = samples
        self._read: deque[tuple[Description, Sample]] = deque()
        self._bytes = 0
        self._is_over = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._fill, name="memlane-read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[Description, Sample]]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._read or self._is_over)
                if not self._read:
                    break
                found = self._read.popleft()
                self._bytes -= len(found[1].payload)
                self._changed.notify_all()
            yield found
        if self._failure is not None:
            raise self._failure

    def _fill(self) -> None:
        try:
            # On Linux each thread has its own: where processors are scarce, the one that keeps the times comes first.
            with suppress(OSError):  # refused in some containers
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
            for found in self._samples:
                with self._changed:
                    self._changed.wait_for(lambda: self._has_room() or self._is_over)
                    if self._is_over:
                        return
                    self._read.append(found)
                    self._bytes += len(found[1].payload)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001  (it is raised where the samples are used)
            self._failure = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._bytes < _MOST_BYTES and len(self._read) < _MOST_SAMPLES

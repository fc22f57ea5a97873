"""Replaying: what was seen, written again, at the times at which it came."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, final

from memlane import namespace, settings
from memlane.errors import ObjectNotFound
from memlane.recording.ahead import Ahead
from memlane.recording.recording import Recording
from memlane.recording.target import target_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from typing_extensions import Self

    from memlane.recording.description import Description
    from memlane.recording.sample import Sample
    from memlane.recording.target import Target

_NANOSECONDS = 1_000_000_000
_PUSH_NS = 1_000_000
"""How often bytes that wait for room are tried again."""
_LAST_WAIT_NS = _NANOSECONDS
"""At the end a channel's reader has so long to take something."""
_LONGEST_SLEEP_NS = 100_000_000
"""How late the end that somebody asked for is noticed."""


@final
class Replayer:
    """Writes a recording into a namespace. Objects are made as the recorded ones were, or opened where they are.

    A context manager, which closes them; what was recorded with ``persistent=True`` stays.

    Args:
        path: The file.
        names: Names or patterns of the objects. Default: all.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        speed: 2.0 plays twice as fast.

    Raises:
        MissingDependency: ``memlane[record]`` is not installed.
        SizeMismatch: There is an object of a name in the recording, with other sizes.
        SchemaMismatch: There is one with another format.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        names: Sequence[str] = (),
        *,
        directory: str | os.PathLike[str] | None = None,
        speed: float = 1.0,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed={speed!r} is not greater than 0")
        self._recording = Recording(path)
        self._names = tuple(names)
        self._directory = directory
        self._place = settings.namespace_directory(directory)
        self._speed = speed
        self._targets: dict[str, Target] = {}
        self.samples = 0
        """Written so far."""

    @property
    def is_complete(self) -> bool:
        """False once a file was read that its recorder did not finish."""
        return self._recording.is_complete

    @property
    def left_out(self) -> dict[str, int]:
        """By channel: bytes for which nobody made room."""
        return {
            name: target.left_out + len(target.waiting)
            for name, target in self._targets.items()
            if target.left_out or target.waiting
        }

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Play it once.

        Args:
            is_over: Asked now and then whether to end early.
        """
        for description in self._recording.descriptions(self._names):
            if description.name not in self._targets:
                self._open(description)  # now: making it would make its first value late
        with Ahead(self._recording.pieces(), is_over) as pieces:
            self._play(self._recording.unpacked(pieces, self._names), is_over)
            self._push_the_rest(is_over)

    def _play(self, samples: Iterable[tuple[Description, Sample]], is_over: Callable[[], bool]) -> None:
        """Write each sample when it is due, until the end is asked for."""
        began = first = None
        for description, sample in samples:
            if began is None or first is None:
                began, first = time.monotonic_ns(), sample.log_time
            self._wait_until(began + round((sample.log_time - first) / self._speed), is_over)
            if is_over():
                return
            self._target(description).write(sample)
            self.samples += 1

    def close(self) -> None:
        """Close all objects. May be called twice."""
        for target in self._targets.values():
            target.close()
        self._targets.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, description: Description) -> Target:
        target = self._targets[description.name] = target_of(description, self._place)
        return target

    def _target(self, description: Description) -> Target:
        """Return what a sample is written to. Where the recorded object gave way to another one, so does ours."""
        target = self._targets.get(description.name) or self._open(description)
        if not target.description.is_like(description):
            target.close()
            with suppress(ObjectNotFound):  # one that was not persistent went when we closed it
                namespace.unlink(description.name, directory=self._directory)
            target = self._open(description)
        return target

    def _wait_until(self, due: int, is_over: Callable[[], bool]) -> None:
        while (left := due - time.monotonic_ns()) > 0 and not is_over():
            waits = [target for target in self._targets.values() if target.waiting]
            for target in waits:
                target.push()
            time.sleep(min(left, _PUSH_NS if waits else _LONGEST_SLEEP_NS) / _NANOSECONDS)

    def _push_the_rest(self, is_over: Callable[[], bool]) -> None:
        """Wait for slow readers as long as they take something."""
        until = time.monotonic_ns() + _LAST_WAIT_NS
        while time.monotonic_ns() < until and not is_over():
            waits = [target for target in self._targets.values() if target.waiting]
            if not waits:
                return
            if sum(target.push() for target in waits):
                until = time.monotonic_ns() + _LAST_WAIT_NS
            time.sleep(_PUSH_NS / _NANOSECONDS)

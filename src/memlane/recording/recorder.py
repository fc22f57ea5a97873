"""Recording: one look after the other at every object of a namespace, into a file."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, final

from memlane import inspect, settings
from memlane._native.inspect import Inspection
from memlane.errors import Error, ObjectNotFound
from memlane.inspect.look import is_asked_for
from memlane.names import encoded_name
from memlane.recording.description import describe
from memlane.recording.source import source_of
from memlane.recording.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from memlane.recording.description import Description
    from memlane.recording.sample import Sample
    from memlane.recording.source import Source

_NANOSECONDS = 1_000_000_000
_FLUSH_NS = 250_000_000
"""The most that a killed recorder loses."""
_TICK_NS = 20_000_000
"""A directory's time of change is as coarse as the kernel's ticks, which are shorter than half of this."""


@final
class Recorder:
    """Records variables, shares, channels and buffers, by looking at them: nobody notices.

    A context manager: its end finishes the file. A recorder that is killed leaves a file that can be read up to what it
    wrote last, a quarter of a second before. It stays with the parent of a fork: `close` in the child finishes nothing,
    and the others raise `OwnershipLost`.

    Args:
        path: The file, which must not exist yet.
        names: Names or patterns such as ``cam*`` of the objects, those too that are made later. Default: all.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        jsonable: Makes of a value what `json.dumps` takes: viewers see it beside the bytes. Default: no views.
        overwrite: Replace a file that exists.
        notice: Called with what could not be recorded, and why.

    Raises:
        MissingDependency: ``memlane[record]`` is not installed.
        FileExistsError: There is such a file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        names: Sequence[str] = (),
        *,
        directory: str | os.PathLike[str] | None = None,
        jsonable: Callable[[Any], Any] | None = None,
        overwrite: bool = False,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._names = tuple(name.removeprefix("/") for name in names)
        self._place = settings.namespace_directory(directory)
        self.directory = inspect.directory_path(directory)
        """The namespace directory."""
        self._notice = notice
        self._noticed: set[str] = set()
        self._sources: dict[str, Source] = {}
        self._held: list[tuple[Description, Sample]] = []
        self._changed: int | None = None
        self._is_settled = False
        self._began = time.monotonic_ns()
        self._offset = time.time_ns() - self._began
        self._flushed = self._began
        self.samples = 0
        """Written so far."""
        self.missed = 0
        """Values and bytes that passed unseen."""
        self._writer = Writer(path, jsonable, overwrite=overwrite)

    @property
    def objects(self) -> int:
        """Of how many objects something was written."""
        return self._writer.objects

    def look(self) -> None:
        """See what is new, and write what was seen the last time."""
        self._writer.refuse_foreign()
        horizon = self._offset + time.monotonic_ns()
        self._find()
        for name in list(self._sources):
            self._look_at(name)
        self._write(horizon)
        if time.monotonic_ns() - self._flushed >= _FLUSH_NS:
            self.flush()

    def flush(self) -> None:
        """Hand what was written to the kernel: from there it survives the death of this process."""
        self._writer.refuse_foreign()
        self._writer.flush()
        self._flushed = time.monotonic_ns()

    def run(self, interval: float = 0.001, is_over: Callable[[], bool] = lambda: False) -> None:
        """Look again and again.

        Args:
            interval: Seconds between two looks. Of what is written more often, the rest is missed and counted.
            is_over: Asked after each look.
        """
        due = time.monotonic_ns()
        while True:
            self.look()
            if is_over():
                return
            due = max(due + round(interval * _NANOSECONDS), time.monotonic_ns())
            time.sleep(max(due - time.monotonic_ns(), 0) / _NANOSECONDS)

    def close(self) -> None:
        """Look once more and finish the file. May be called twice."""
        if self._writer.closed:
            return
        try:
            if not self._writer.is_foreign:
                self.look()
                self._write(None)
        finally:
            for source in self._sources.values():
                source.close()
            self._sources.clear()
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> str:
        """Refuse: two would write over each other."""
        raise TypeError("a recorder does not pickle: make one in the other process, with a file of its own")

    # -- objects that come and go ------------------------------------------------------------------------------

    def _find(self) -> None:
        """Open what is new, and let go of what went."""
        if not self._may_have_changed():
            return
        there = [name for name in inspect.names(self.directory) if is_asked_for(name, self._names)]
        for name in self._sources.keys() - set(there):
            self._drop(name)
        for name in there:
            self._open(name)

    def _may_have_changed(self) -> bool:
        """Whether names may have come or gone since this was asked last."""
        now = time.time_ns()
        try:
            changed: int | None = os.stat(self.directory).st_mtime_ns
        except FileNotFoundError:
            changed = None
        if changed == self._changed and self._is_settled:
            return False
        self._changed = changed
        # Within the same tick it may change again, and its time would still be this one.
        self._is_settled = changed is None or now > changed + _TICK_NS
        return True

    def _open(self, name: str) -> None:
        """Look at the object that a name leads to now, unless that is done already."""
        try:
            inspection = Inspection(encoded_name(name), self._place)
            description = describe(name, inspection)
        except ObjectNotFound:
            return
        except (Error, OSError) as error:
            self._complain(name, f"is not recorded: {error}")
            return
        former = self._sources.get(name)
        if description is None or (former is not None and former.description.uuid == description.uuid):
            inspection.close()
            if description is None and name in self._names:
                self._complain(name, "is not recorded: only variables, shares, channels and buffers are")
            return
        if former is not None:
            self._drop(name)
        self._sources[name] = source_of(description, inspection, self._began)

    def _drop(self, name: str) -> None:
        """See what an object had to say at last, and let go of it."""
        self._look_at(name)
        source = self._sources.pop(name, None)
        if source is not None:
            source.close()

    def _complain(self, name: str, what: str) -> None:
        if name not in self._noticed:
            self._noticed.add(name)
            self._notice(f"{name!r} {what}")

    # -- what they hold ----------------------------------------------------------------------------------------

    def _look_at(self, name: str) -> None:
        source = self._sources[name]
        try:
            self._held += [(source.description, sample) for sample in source.look(self._offset)]
        except Error as error:
            self._complain(name, f"is recorded no more: {error}")
            source.close()
            del self._sources[name]

    def _write(self, horizon: int | None) -> None:
        """Write what is older than all that can still be seen, in the order of times; None: everything."""
        self._held.sort(key=lambda held: held[1].log_time)
        kept = []
        for description, sample in self._held:
            if horizon is not None and sample.log_time > horizon:
                kept.append((description, sample))
                continue
            self._writer.add(description, sample)
            self.samples += 1
            self.missed += sample.missed
        self._held = kept

"""The file of a recording, as it is written."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, final

from memlane._native.fork import Owner
from memlane.errors import MissingDependency, OwnershipLost
from memlane.recording.view import SCHEMA, SCHEMA_NAME, view_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from memlane.recording.description import Description
    from memlane.recording.sample import Sample

PROFILE = "memlane"
ENCODING = "memlane"
TOPICS = "/memlane/"
"""What the topics of the bytes begin with. That of the view is the name alone: it is the one that people look for."""
_NUMBERS = 1 << 32


def mcap_missing() -> MissingDependency:
    """Return the error for a machine without the extra."""
    return MissingDependency("recordings need the package mcap: pip install 'memlane[record]'")


@final
class Writer:
    """An MCAP file; each object has a topic for its bytes, and one for what viewers show. It stays with who opened it.

    Args:
        path: The file.
        jsonable: Makes of a value what `json.dumps` takes; None: there are no views.
        overwrite: Replace a file that exists.
    """

    def __init__(
        self, path: str | os.PathLike[str], jsonable: Callable[[Any], Any] | None, *, overwrite: bool = False
    ) -> None:
        try:
            from mcap.writer import CompressionType  # noqa: PLC0415  (of the extra)
            from mcap.writer import Writer as McapWriter  # noqa: PLC0415
        except ImportError as error:
            raise mcap_missing() from error
        try:
            self._stream = open(path, "wb" if overwrite else "xb")  # noqa: SIM115  (closed by close)
        except FileExistsError:
            raise FileExistsError(
                errno.EEXIST, f"{os.fspath(path)!r} is there already: give another name, or overwrite it"
            ) from None
        self._owner = Owner()
        self._jsonable = jsonable
        self._channels: dict[str, tuple[int, int]] = {}
        self._writer: Any = McapWriter(self._stream, compression=CompressionType.LZ4)
        self._writer.start(profile=PROFILE, library="memlane")
        self._stream.flush()
        self._schema = 0 if jsonable is None else self._writer.register_schema(SCHEMA_NAME, "jsonschema", SCHEMA)

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return self._stream.closed

    @property
    def objects(self) -> int:
        """Of how many objects something was added."""
        return len(self._channels)

    @property
    def is_foreign(self) -> bool:
        """Whether it is the parent's of a fork, who goes on writing it."""
        return self._owner.is_parent

    def refuse_foreign(self) -> None:
        """Raise `OwnershipLost` where it is another process's."""
        if self.is_foreign:
            raise OwnershipLost(
                f"{os.fspath(self._stream.name)!r} is recorded by process {self._owner.process}, from which this one"
                " was forked: record into another file here"
            )

    def add(self, description: Description, sample: Sample) -> None:
        """Write a sample of an object."""
        if description.uuid not in self._channels:
            self._channels[description.uuid] = self._register(description)
        bytes_channel, view_channel = self._channels[description.uuid]
        self._add(bytes_channel, sample, sample.packed())
        if self._jsonable is not None:
            self._add(view_channel, sample, view_of(description, sample, self._jsonable))
        self._stream.flush()  # a child that is forked now, and ends, would write once more what waits here

    def _register(self, description: Description) -> tuple[int, int]:
        words = description.metadata()
        name = description.name
        bytes_channel = self._writer.register_channel(TOPICS + name, ENCODING, 0, words)
        if self._jsonable is None:
            return bytes_channel, 0
        return bytes_channel, self._writer.register_channel(f"/{name}", "json", self._schema, {"kind": words["kind"]})

    def _add(self, channel: int, sample: Sample, data: bytes) -> None:
        self._writer.add_message(
            channel, sample.log_time, data, publish_time=sample.real_ns, sequence=sample.number % _NUMBERS
        )

    def flush(self) -> None:
        """Hand what was added to the kernel: from there it survives the death of this process."""
        self._writer.flush()

    def close(self) -> None:
        """Write the index and close the file, or only close what is the parent's. May be called twice."""
        if self.closed:
            return
        if self.is_foreign:
            self._stream.raw.close()
            return
        try:
            self._writer.finish()
        finally:
            self._stream.close()

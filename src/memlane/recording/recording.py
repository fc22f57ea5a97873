"""The file of a recording, as it is read: also where its recorder was killed."""

from __future__ import annotations

import itertools
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

from memlane.errors import Corrupted
from memlane.inspect.look import is_asked_for
from memlane.recording.description import Description
from memlane.recording.sample import Sample
from memlane.recording.writer import ENCODING, mcap_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MAGIC_SIZE = 8
_ALONE_SIZE = 400
"""What a record outside of chunks takes besides its data, as Python has it: measured with `tracemalloc`."""


@dataclass
class Contents:
    """What a recording has of one object."""

    description: Description
    samples: int = 0
    bytes: int = 0
    missed: int = 0
    """Values, or bytes of a channel, that passed unseen."""
    first: int = 0
    """Time of the first sample, nanoseconds since the epoch."""
    last: int = 0


class Piece(NamedTuple):
    """Records that lie in one chunk, out of it and checked, and not yet taken apart; or one that lies in none."""

    records: Iterable[Any]
    """Of ``mcap.records``; those that are neither a channel nor a message may be left as bytes."""
    size: int
    """Bytes."""


@final
class Recording:
    """A file that `Recorder` wrote.

    Args:
        path: The file.

    Raises:
        MissingDependency: ``memlane[record]`` is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import mcap.stream_reader  # noqa: F401, PLC0415  (of the extra; used below)
        except ImportError as error:
            raise mcap_missing() from error
        self.path = os.fspath(path)
        self.is_complete = True
        """False once a reading came to the end of a file that was never finished: its recorder died, or still runs."""

    def samples(self, names: Sequence[str] = ()) -> Iterator[tuple[Description, Sample]]:
        """Iterate over what was seen, in the order of times.

        Args:
            names: Names or patterns of the objects. Default: all.

        Raises:
            Corrupted: The file is damaged, or none of a recording.
        """
        return self.unpacked(self.pieces(), names)

    def unpacked(self, pieces: Iterable[Piece], names: Sequence[str] = ()) -> Iterator[tuple[Description, Sample]]:
        """Iterate over what `pieces` gave, as `samples` does."""
        objects: dict[int, Description] = {}
        encodings: set[str] = set()
        for record in itertools.chain.from_iterable(piece.records for piece in pieces):
            kind = type(record).__name__
            if kind == "Channel":
                encodings.add(record.message_encoding)
            if kind == "Channel" and record.message_encoding == ENCODING:
                description = self._sound(Description.of_metadata, record.metadata)
                if is_asked_for(description.name, names):
                    objects[record.id] = description
            elif kind == "Message" and record.channel_id in objects:
                sample = self._sound(Sample.unpacked, record.log_time, record.data)
                yield objects[record.channel_id], sample
        if encodings and ENCODING not in encodings:
            raise Corrupted(
                f"{self.path!r} is no recording of memlane's: its topics have the encoding"
                f" {', '.join(sorted(map(repr, encodings)))}, and only those with {ENCODING!r} can be read and replayed"
            )

    def descriptions(self, names: Sequence[str] = ()) -> list[Description]:
        """List the objects in the order in which they turned up, from the index where there is one."""
        from mcap.exceptions import McapError  # noqa: PLC0415  (of the extra)
        from mcap.reader import make_reader  # noqa: PLC0415

        with open(self.path, "rb") as stream:
            try:
                summary = make_reader(stream).get_summary()
            except (McapError, struct.error, ValueError, OSError):  # cut, or damaged: reading it will tell
                summary = None
        if summary is None:
            found = {description.uuid: description for description, _ in self.samples(names)}
            return list(found.values())
        channels = [channel for channel in summary.channels.values() if channel.message_encoding == ENCODING]
        described = [self._sound(Description.of_metadata, channel.metadata) for channel in channels]
        return [description for description in described if is_asked_for(description.name, names)]

    def contents(self, names: Sequence[str] = ()) -> list[Contents]:
        """Read everything, and tell what there is of each object."""
        found: dict[str, Contents] = {}
        for description, sample in self.samples(names):
            entry = found.setdefault(description.uuid, Contents(description, first=sample.log_time))
            entry.samples += 1
            entry.bytes += len(sample.payload)
            entry.missed += sample.missed
            entry.last = sample.log_time
        return list(found.values())

    def _sound(self, make: Any, *arguments: Any) -> Any:
        try:
            return make(*arguments)
        except ValueError as error:
            raise Corrupted(f"{self.path!r} is damaged: {error}") from error

    def _records(self, stream: Any, size: int) -> Iterator[Any]:
        """Take a chunk apart, one record after the other."""
        from mcap.exceptions import McapError  # noqa: PLC0415  (of the extra)
        from mcap.opcode import Opcode  # noqa: PLC0415
        from mcap.records import Channel, Message  # noqa: PLC0415

        while stream.count < size:
            try:
                opcode, length = stream.read1(), stream.read8()
                if opcode == Opcode.MESSAGE:
                    record = Message.read(stream, length)
                elif opcode == Opcode.CHANNEL:
                    record = Channel.read(stream)
                else:
                    record = stream.read(length)
            except (McapError, struct.error, ValueError) as error:
                raise Corrupted(f"{self.path!r} is damaged: a chunk holds no whole records") from error
            yield record

    def pieces(self) -> Iterator[Piece]:
        """Read piece after piece, to the end or to where the recorder died; chunks nearly without Python's lock.

        Our recorder leaves no message outside of chunks; other programs that copied its file may have done so.

        Raises:
            Corrupted: The file is damaged, or none of a recording.
        """
        from mcap.exceptions import McapError  # noqa: PLC0415  (of the extra)
        from mcap.stream_reader import StreamReader  # noqa: PLC0415
        from mcap.writer import MCAP0_MAGIC  # noqa: PLC0415

        with open(self.path, "rb") as stream:
            if stream.read(_MAGIC_SIZE) != MCAP0_MAGIC:
                raise Corrupted(f"{self.path!r} is no recording: it does not begin as an MCAP file does")
            size = stream.seek(-_MAGIC_SIZE, os.SEEK_END) + _MAGIC_SIZE
            is_finished = stream.read() == MCAP0_MAGIC and size > _MAGIC_SIZE
            stream.seek(0)
            records = iter(StreamReader(stream, emit_chunks=True, validate_crcs=True).records)
            while True:
                try:
                    record = next(records)
                    piece = self._piece_of(record)
                except StopIteration:
                    return
                except (McapError, struct.error, ValueError, RuntimeError) as error:
                    if is_finished or stream.tell() < size:
                        raise Corrupted(f"{self.path!r} is damaged before byte {stream.tell()}: {error}") from error
                    self.is_complete = False
                    return
                if piece is not None:
                    yield piece

    def _piece_of(self, record: Any) -> Piece | None:
        """Return what a record of the file has of a recording; None for one that has nothing."""
        from mcap.records import Channel, Chunk, Message  # noqa: PLC0415  (of the extra)
        from mcap.stream_reader import get_chunk_data_stream  # noqa: PLC0415

        if isinstance(record, Chunk):
            stream, size = get_chunk_data_stream(record, validate_crc=True)
            return Piece(self._records(stream, size), size)
        if isinstance(record, Message):
            return Piece((record,), _ALONE_SIZE + len(record.data))
        return Piece((record,), _ALONE_SIZE) if isinstance(record, Channel) else None

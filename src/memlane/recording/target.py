"""Objects that a replay writes to, as their originals were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from memlane._native.replica import RecordReplica, ValueReplica
from memlane.channel import CHAN_W, open_channel
from memlane.errors import OppositeEndClosedError
from memlane.names import encoded_name

if TYPE_CHECKING:
    from memlane.recording.description import Description
    from memlane.recording.sample import Sample

_MOST_WAITING = 16 << 20
"""Bytes that wait for a reader who is slower than the recorded one; what comes on top is left out."""


class Target(Protocol):
    """One object that a replay writes to."""

    description: Description
    waiting: bytearray
    """Bytes for which there is no room yet."""
    left_out: int
    """Bytes that nobody was going to read."""

    def write(self, sample: Sample) -> None:
        """Write what was seen."""

    def push(self) -> int:
        """Write bytes that wait, as many as there is room for now; return how many."""

    def close(self) -> None:
        """Close the endpoint."""


class _Settled:
    """Where nothing ever waits."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.waiting = bytearray()
        self.left_out = 0

    def push(self) -> int:
        """Say that nothing was written."""
        return 0


class ValueTarget(_Settled):
    """A variable or share."""

    def __init__(self, description: Description, directory: bytes) -> None:
        super().__init__(description)
        self._replica = ValueReplica()
        sizes: dict[str, Any] = {
            "size": description.size,
            "slots": description.slots,
            "participants": description.participants,
            "encoding": description.encoding,
            "persistent": description.persistent,
        }
        name = encoded_name(description.name)
        if description.kind == "share":
            self._replica.open_share(name, directory, **sizes)
        else:
            self._replica.open_variable(name, directory, **sizes, layout=description.layout)

    def write(self, sample: Sample) -> None:
        """Write the value."""
        self._replica.write(sample.payload, sample.mark)

    def close(self) -> None:
        """Close the endpoint."""
        self._replica.close()


class RecordTarget(_Settled):
    """A device buffer."""

    def __init__(self, description: Description, directory: bytes) -> None:
        super().__init__(description)
        self._replica = RecordReplica()
        self._replica.open(
            encoded_name(description.name),
            directory,
            size=description.size,
            participants=description.participants,
            persistent=description.persistent,
            schema=description.schema.encode(),
        )

    def write(self, sample: Sample) -> None:
        """Write the record."""
        self._replica.write(sample.payload)

    def close(self) -> None:
        """Close the endpoint; the buffer is not valid any more."""
        self._replica.close()


class StreamTarget:
    """A channel. What finds no room waits, so that a slow reader delays nothing else."""

    def __init__(self, description: Description, directory: bytes) -> None:
        self.description = description
        self.waiting = bytearray()
        self.left_out = 0
        self._channel = open_channel(
            description.name,
            CHAN_W,
            description.size,
            persistent=description.persistent,
            max_participants=description.participants,
            directory=directory or None,
        )

    def write(self, sample: Sample) -> None:
        """Write the bytes for which there is room."""
        if len(self.waiting) + len(sample.payload) > _MOST_WAITING:
            self.left_out += len(sample.payload)
            return
        self.waiting += sample.payload
        self.push()

    def push(self) -> int:
        """Write bytes that wait."""
        if not self.waiting:
            return 0
        try:
            written = self._channel.write_some(self.waiting)
        except OppositeEndClosedError:
            return 0  # a successor may come
        del self.waiting[:written]
        return written

    def close(self) -> None:
        """Close the writer's end; what waits in the channel stays for its reader."""
        self._channel.close()


_TARGETS: dict[str, type[ValueTarget | RecordTarget | StreamTarget]] = {
    "variable": ValueTarget,
    "share": ValueTarget,
    "buffer": RecordTarget,
    "channel": StreamTarget,
}


def target_of(description: Description, directory: bytes) -> Target:
    """Open the object of this description in a namespace directory, or make it."""
    return _TARGETS[description.kind](description, directory)

"""Objects that get the bytes of others: values as they lay in shared memory, with their marks, never decoded."""

from typing import final

from memlane.codec.fields import Layout

@final
class ValueReplica:
    """A variable or share, opened or made with the sizes of another one. Of one thread at a time."""

    def open_variable(
        self,
        name: bytes,
        directory: bytes,
        *,
        size: int,
        slots: int,
        participants: int,
        encoding: int,
        persistent: bool,
        layout: Layout | None,
    ) -> None:
        """Open or make a variable. layout: that of its struct, or None."""

    def open_share(
        self,
        name: bytes,
        directory: bytes,
        *,
        size: int,
        slots: int,
        participants: int,
        encoding: int,
        persistent: bool,
    ) -> None:
        """Open or make a share."""

    def write(self, payload: bytes, mark: int) -> None:
        """Write the bytes of a value under their mark; into a share they are put."""

    def close(self) -> None:
        """Close the endpoint. May be called twice."""

@final
class RecordReplica:
    """A device buffer, opened or made with the schema of another one. Of one thread at a time."""

    def open(
        self, name: bytes, directory: bytes, *, size: int, participants: int, persistent: bool, schema: bytes
    ) -> None:
        """Open or make a buffer."""

    def write(self, record: bytes) -> None:
        """Replace the record in one transaction. Its head says whether it is valid; the owner is this endpoint."""

    def close(self) -> None:
        """Close the endpoint, which makes the buffer invalid. May be called twice."""

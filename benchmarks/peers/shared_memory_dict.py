"""shared-memory-dict: a pickled dict in shared memory, without a lock between processes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import value_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.ways import Value


class Shared:
    """One dict by name."""

    def __init__(self, address: str) -> None:
        self.name = f"{address.rpartition('/')[2]}-dict"  # the directory has the other name

    @contextmanager
    def open(self, role: int) -> Iterator[Value]:
        """Make it, or open it."""
        from shared_memory_dict import SharedMemoryDict  # noqa: PLC0415

        shared: Any = SharedMemoryDict(name=self.name, size=4096)
        yield value_in(shared)
        if role == 0:
            shared.shm.unlink()

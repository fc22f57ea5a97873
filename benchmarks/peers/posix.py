"""posix_ipc and mmap: named semaphores beside a mapping. Whoever dies blocks the other for ever."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.peers.mapped import Place, copying, giver, in_place, taker
from benchmarks.ways import Arrays, Loans, Messages

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Mapping:
    """A mapping and two semaphores each way."""

    def __init__(self, address: str, size: int = 2048) -> None:
        self.name = f"/{address.rpartition('/')[2]}"
        self.size = size

    @contextmanager
    def place(self, way: int, role: int) -> Iterator[tuple[mmap.mmap, Any, Any]]:
        """Make one direction, or open it; role 0 removes its names, once both have it."""
        import posix_ipc  # noqa: PLC0415

        flags, name = posix_ipc.O_CREAT, f"{self.name}-{way}"
        memory = posix_ipc.SharedMemory(name, flags, size=self.size)
        empty, full = (posix_ipc.Semaphore(f"{name}-{what}", flags, initial_value=1 - what) for what in range(2))
        yield mmap.mmap(memory.fd, self.size), empty, full
        memory.close_fd()
        if role == 0:
            for named in (memory, empty, full):
                named.unlink()

    @contextmanager
    def both(self, role: int) -> Iterator[tuple[Any, Any]]:
        """Return the direction that this role fills, and that it reads."""
        with self.place(role, role) as out, self.place(1 - role, role) as into:
            yield out, into


class Records(_Mapping):
    """One message at a time, with its size in front."""

    HEADER = 8

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Copy in and out."""
        header = self.HEADER
        with self.both(role) as (out, into):
            written, read = out[0], into[0]

            def write(data: bytes) -> None:
                written[:header] = len(data).to_bytes(header, "little")
                written[header : header + len(data)] = data

            def get() -> bytes:
                size = int.from_bytes(read[:header], "little")
                found: bytes = read[header : header + size]
                return found

            take = taker(Place(*into), get)
            yield Messages(giver(Place(*out), write), lambda _size: take())


class CopiedArrays(_Mapping):
    """Arrays, copied."""

    end: Any = staticmethod(copying)

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays | Loans]:
        """See the mappings as arrays."""
        import numpy as np  # noqa: PLC0415

        with self.both(role) as both:
            out, into = (Place(np.frombuffer(memory, "f4"), empty, full) for memory, empty, full in both)
            yield self.end(out, into)


class ArraysInPlace(CopiedArrays):
    """Arrays in place."""

    end = staticmethod(in_place)

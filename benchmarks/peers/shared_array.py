"""SharedArray: arrays by name, in place; semaphores of posix_ipc say when. Unsafe: whoever dies blocks the other."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.peers.mapped import Place, in_place
from benchmarks.peers.posix import CopiedArrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.ways import Loans


class ArraysInPlace(CopiedArrays):
    """An array each way."""

    @contextmanager
    def open(self, role: int) -> Iterator[Loans]:
        """Make the arrays, or attach them."""
        import SharedArray  # noqa: PLC0415

        names = [f"shm://{self.name[1:]}-array-{way}" for way in range(2)]
        arrays = [SharedArray.create(n, self.size // 4, "f4") if role == 0 else SharedArray.attach(n) for n in names]
        with self.both(role) as (out, into):
            yield in_place(Place(arrays[role], *out[1:]), Place(arrays[1 - role], *into[1:]))
        if role == 0:
            for name in names:
                SharedArray.delete(name)

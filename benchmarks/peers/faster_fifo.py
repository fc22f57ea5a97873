"""faster-fifo: a queue of bytes each way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import Messages

if TYPE_CHECKING:
    from collections.abc import Iterator

FOR_EVER = 1e6


def as_it_is(data: bytes) -> bytes:
    """Take bytes instead of pickles: the cheapest that it has."""
    return bytes(data)


class Queues:
    """Two queues of a megabyte."""

    def __init__(self, _address: str) -> None:
        import faster_fifo  # noqa: PLC0415
        import faster_fifo_reduction  # noqa: F401, PLC0415  (makes queues travel)

        self.queues = [faster_fifo.Queue(1_000_000, loads=as_it_is, dumps=as_it_is) for _ in range(2)]

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Put into one, get from the other."""
        out, into = self.queues[role], self.queues[1 - role]

        def receive_batch(number: int, _size: int) -> bytes:
            found: list[Any] = []
            while len(found) < number:
                found += into.get_many(timeout=FOR_EVER, max_messages_to_get=number - len(found))
            return b"".join(found)

        yield Messages(
            lambda data: out.put(data, timeout=FOR_EVER),
            lambda _size: into.get(timeout=FOR_EVER),
            list,
            lambda batch: out.put_many(batch, timeout=FOR_EVER),
            receive_batch,
        )

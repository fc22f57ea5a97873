"""A pipe each way, by `os.read` and `os.write`: no messages, only bytes."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.event_loop import running_loop
from benchmarks.ways import Messages, Over, Trips, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def exactly(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Make a read of exactly so many bytes of one that may give fewer."""

    def read_all(size: int) -> bytes:
        data = read(size)
        while len(data) < size:
            data += read(size - len(data))
        return data

    return read_all


class Pipes:
    """Two pipes, which a fresh process gets as connections; each holds 64 KiB."""

    def __init__(self, _address: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.there, self.back = context.Pipe(duplex=False), context.Pipe(duplex=False)

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Use one end of each."""
        out, into = (self.there, self.back) if role == 0 else (self.back, self.there)
        writing, reading = out[1].fileno(), into[0].fileno()
        yield stream(
            lambda data: os.write(writing, data),
            exactly(lambda size: os.read(reading, size)),
            lambda view: os.readv(reading, [view]),
        )


class PipesInLoops(Pipes):
    """The same under `loop.add_reader`: the least that a loop can do."""

    @contextmanager
    def open(self, role: int) -> Iterator[Trips]:  # type: ignore[override]  # the same pipes, another end
        """Wait in the loop; block in the other role."""
        with super().open(role) as end, running_loop() as loop:
            reading = (self.back if role == 0 else self.there)[0].fileno()

            async def trip(message: bytes) -> bytes:
                readable = loop.create_future()
                loop.add_reader(reading, readable.set_result, None)
                end.send(message)
                await readable
                loop.remove_reader(reading)
                return end.receive(len(message))

            def serve(count: int, _over: Over) -> None:
                for _ in range(count):
                    end.send(end.receive(8))

            yield Trips(trip, serve, loop.run_until_complete)

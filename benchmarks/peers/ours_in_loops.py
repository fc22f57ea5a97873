"""memlane from a task of asyncio."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.event_loop import running_loop
from benchmarks.peers.ours import Here
from benchmarks.ways import Over, Trips, unused, wait_until_over

if TYPE_CHECKING:
    from collections.abc import Iterator


class Channels(Here):
    """Two channels."""

    @contextmanager
    def open(self, role: int) -> Iterator[Trips]:
        """Write and read in the loop; block in the other role."""
        from memlane import CHAN_R, CHAN_W, open_channel  # noqa: PLC0415

        self.enter()
        out, into = ("there", "back") if role == 0 else ("back", "there")
        with open_channel(out, CHAN_W) as writer, open_channel(into, CHAN_R) as reader, running_loop() as loop:

            async def trip(message: bytes) -> bytes:
                await writer.write_async(message)
                return await reader.read_bytes_async(len(message))

            def serve(count: int, _over: Over) -> None:
                for _ in range(count):
                    writer.write(reader.read_bytes(8))

            yield Trips(trip, serve, loop.run_until_complete)


class Variables(Here):
    """Two variables."""

    @contextmanager
    def open(self, _role: int) -> Iterator[Trips]:
        """Set and wait in the loop; block in the other role."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        with HostVariable("question") as question, HostVariable("answer") as answer, running_loop() as loop:

            async def trip(message: bytes) -> bytes:
                question.data = message
                value: bytes = await answer.wait_async()
                return value

            def serve(count: int, _over: Over) -> None:
                for _ in range(count):
                    answer.data = question.wait()

            yield Trips(trip, serve, loop.run_until_complete)


class Function(Here):
    """A function."""

    @contextmanager
    def open(self, role: int) -> Iterator[Trips]:
        """Call it in the loop."""
        from memlane import HostFunctionCaller, HostFunctionDispatcher  # noqa: PLC0415

        self.enter()
        if role == 0:
            with HostFunctionCaller("echo") as caller, running_loop() as loop:
                yield Trips(caller.call_async, wait_until_over, loop.run_until_complete)
            return
        with HostFunctionDispatcher() as dispatcher:
            dispatcher.add("echo", lambda message: message)
            dispatcher.start()
            yield Trips(unused, wait_until_over, unused)

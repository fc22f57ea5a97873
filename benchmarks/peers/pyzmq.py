"""pyzmq: a pair of sockets over ipc://."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.event_loop import running_loop
from benchmarks.ways import Arrays, Messages, Over, Trips

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pair:
    """One socket each; role 0 binds."""

    def __init__(self, address: str, _size: int = 0) -> None:
        self.address = f"ipc://{address}/socket"

    @contextmanager
    def socket(self, role: int) -> Iterator[Any]:
        """Bind or connect."""
        import zmq  # noqa: PLC0415

        with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
            (socket.bind if role == 0 else socket.connect)(self.address)
            yield socket
            socket.linger = 0

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """A batch is a message of many parts."""
        with self.socket(role) as socket:
            yield Messages(
                socket.send,
                lambda _size: bytes(socket.recv()),
                list,
                socket.send_multipart,
                lambda _number, _size: b"".join(socket.recv_multipart()),
            )


class ArrayPair(Pair):
    """Arrays of one dimension through it, as bytes."""

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays]:  # type: ignore[override]  # the same sockets, another end
        """Send a copy, since the array changes afterwards; what is received is an array's own."""
        import numpy as np  # noqa: PLC0415

        with self.socket(role) as socket:
            yield Arrays(socket.send, lambda: np.frombuffer(bytearray(socket.recv()), "f4"))


class PairInLoops(Pair):
    """A socket of `zmq.asyncio` against a blocking one."""

    @contextmanager
    def open(self, role: int) -> Iterator[Trips]:  # type: ignore[override]  # the same sockets, another end
        """Wait in the loop; block in the other role."""
        with running_loop() as loop, self.socket(role) as socket:
            import zmq.asyncio  # noqa: PLC0415

            waiting = zmq.asyncio.Socket(socket) if role == 0 else socket

            async def trip(message: bytes) -> bytes:
                await waiting.send(message)
                received: bytes = await waiting.recv()
                return received

            def serve(count: int, _over: Over) -> None:
                for _ in range(count):
                    socket.send(socket.recv())

            yield Trips(trip, serve, loop.run_until_complete)

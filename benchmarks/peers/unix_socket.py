"""A stream socket of the family AF_UNIX."""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.peers.os_pipe import exactly
from benchmarks.ways import Messages, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Sockets:
    """A pair of sockets, which a fresh process gets as connections."""

    polls = False

    def __init__(self, _address: str) -> None:
        self.ends = multiprocessing.get_context("spawn").Pipe()

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Use one of the pair."""
        with socket.socket(fileno=socket.dup(self.ends[role].fileno())) as end:
            receive = self.receive_polling(end) if self.polls else end.recv
            yield stream(end.sendall, exactly(receive), end.recv_into)

    @staticmethod
    def receive_polling(end: socket.socket) -> Callable[[int], bytes]:
        """Ask again and again instead of sleeping."""
        receive = end.recv

        def poll(size: int) -> bytes:
            data = b""
            while not data:
                with contextlib.suppress(BlockingIOError):
                    data = receive(size, socket.MSG_DONTWAIT)
            return data

        return poll


class PollingSockets(Sockets):
    """The same, never asleep."""

    polls = True

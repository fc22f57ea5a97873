"""What the standard library has: multiprocessing and concurrent.futures."""

from __future__ import annotations

import multiprocessing
import operator
from contextlib import contextmanager
from multiprocessing import shared_memory
from multiprocessing.managers import BaseManager, SyncManager
from typing import TYPE_CHECKING, Any

from benchmarks.peers.mapped import Place, copying, in_place
from benchmarks.placement import move_to_the_other
from benchmarks.ways import NUMBERS, Arrays, Calls, Loans, Messages, Value, repeated, unused, value_in, wait_until_over

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTEXT = multiprocessing.get_context("spawn")
KEY = b"benchmark"


class Connections:
    """`multiprocessing.Pipe`."""

    def __init__(self, _address: str, _size: int = 0) -> None:
        self.ends = CONTEXT.Pipe()

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Use one end."""
        end = self.ends[role]
        yield Messages(end.send_bytes, lambda _size: end.recv_bytes())


class Queues:
    """Two queues of `multiprocessing`; a thread of the sender writes."""

    longest = 1000

    def __init__(self, _address: str, _size: int = 0) -> None:
        self.queues: Any = (CONTEXT.Queue(self.longest), CONTEXT.Queue(self.longest))

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Put into one, get from the other."""
        out, into = self.queues[role], self.queues[1 - role]
        yield Messages(out.put, lambda _size: into.get())


class ArrayQueues(Queues):
    """Arrays through them, pickled by a thread: each is copied, or it would be sent as it is changed afterwards."""

    longest = 4

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays]:  # type: ignore[override]  # the same queues, another end
        """Put into one, get from the other."""
        out, into = self.queues[role], self.queues[1 - role]
        yield Arrays(lambda array: out.put(array.copy()), into.get)


class ArrayConnections(Connections):
    """Arrays through a pipe, pickled."""

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays]:  # type: ignore[override]  # the same ends, another use
        """Use one end."""
        yield Arrays(self.ends[role].send, self.ends[role].recv)


class Block:
    """`multiprocessing.shared_memory` and two semaphores each way."""

    end: Any = staticmethod(copying)

    def __init__(self, address: str, size: int) -> None:
        self.name = address.rpartition("/")[2]
        self.size = size
        self.signals: Any = [(CONTEXT.Semaphore(1), CONTEXT.Semaphore(0)) for _ in range(2)]

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays | Loans]:
        """Make both blocks, or open them."""
        import numpy as np  # noqa: PLC0415

        blocks = [shared_memory.SharedMemory(f"{self.name}-{way}", role == 0, self.size) for way in range(2)]
        places = [
            Place(np.ndarray(self.size // 4, "f4", block.buf), *signals)
            for block, signals in zip(blocks, self.signals, strict=True)
        ]
        yield self.end(places[role], places[1 - role])
        if role == 0:
            for block in blocks:
                block.unlink()


class LoanedBlock(Block):
    """The same without a copy."""

    end = staticmethod(in_place)


class SharedArray:
    """`multiprocessing.Array` of five doubles, behind its lock."""

    def __init__(self, _address: str) -> None:
        self.shared: Any = CONTEXT.Array("d", len(NUMBERS))

    @contextmanager
    def open(self, _role: int) -> Iterator[Value]:
        """Set and get all five."""
        shared = self.shared

        def put() -> None:
            shared[:] = NUMBERS

        yield Value(repeated(put), repeated(lambda: tuple(shared[:])), NUMBERS)


class SharedNumber:
    """`multiprocessing.Value`: a single double, for what its lock costs."""

    def __init__(self, _address: str) -> None:
        self.shared: Any = CONTEXT.Value("d", 0.0)

    @contextmanager
    def open(self, _role: int) -> Iterator[Value]:
        """Set and get it."""
        shared = self.shared

        def put() -> None:
            shared.value = NUMBERS[0]

        yield Value(repeated(put), repeated(lambda: shared.value), NUMBERS[0])


POSES: dict[str, object] = {}


def poses() -> dict[str, object]:
    """Return what the manager's process shares."""
    return POSES


class Poses(SyncManager):
    """A manager with one dict."""


Poses.register("poses", callable=poses, exposed=["__getitem__", "__setitem__"])


class Managed:
    """A dict in the process of a manager; the one role starts it, both connect."""

    def __init__(self, address: str) -> None:
        self.address = f"{address}/manager"

    @contextmanager
    def open(self, role: int) -> Iterator[Value]:
        """Start the server, or connect to it."""
        manager: Any = Poses(address=self.address, authkey=KEY, ctx=CONTEXT)
        if role == 0:
            manager.start()
        else:
            manager.connect()
        shared = manager.poses()
        yield value_in(shared)
        if role == 0:
            manager.shutdown()


class Adder:
    """What the manager serves."""

    def add(self, a: int, b: int) -> int:
        """Add."""
        return a + b


class Adders(BaseManager):
    """A manager that serves it."""


Adders.register("adder", Adder)


class ManagedFunction:
    """A method of an object in the process of a `BaseManager`."""

    def __init__(self, _address: str) -> None:
        pass

    @contextmanager
    def open(self, role: int) -> Iterator[Calls]:
        """Start the server on the other processor; its own process serves."""
        if role == 1:
            yield Calls(unused, wait_until_over)
            return
        manager: Any = Adders(ctx=CONTEXT)
        manager.start(move_to_the_other)
        yield Calls(manager.adder().add, wait_until_over)
        manager.shutdown()


class Pool:
    """A `ProcessPoolExecutor` of one process."""

    def __init__(self, _address: str) -> None:
        pass

    @contextmanager
    def open(self, role: int) -> Iterator[Calls]:
        """Start it on the other processor."""
        if role == 1:
            yield Calls(unused, wait_until_over)
            return
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

        with ProcessPoolExecutor(1, CONTEXT, move_to_the_other) as pool:
            yield Calls(lambda a, b: pool.submit(operator.add, a, b).result(), wait_until_over)

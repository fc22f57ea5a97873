"""What others take for what a process does by itself: importing, opening, locking, pickling."""

from __future__ import annotations

import fcntl
import os
import pickle
import time
from contextlib import contextmanager
from multiprocessing import shared_memory
from typing import TYPE_CHECKING, Any

from benchmarks.peers.ours_alone import SETS, enter_and_leave
from benchmarks.peers.standard import CONTEXT
from benchmarks.ways import VALUES, Actions, Recovery, Waits, repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Import:
    """A statement."""

    def __init__(self, _address: str, statement: str) -> None:
        self.statement = statement

    @contextmanager
    def open(self, _role: int) -> Iterator[str]:
        """Say what is executed."""
        yield self.statement


class SharedNumbers:
    """`multiprocessing.Value` and `Array`, for what a device's values could be, without a type or a limit."""

    def __init__(self, _address: str) -> None:
        self.value: Any = CONTEXT.Value("f", 0.0)
        self.array: Any = CONTEXT.Array("f", SETS)

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Set and get one of each."""
        value, array = self.value, self.array

        def transaction() -> None:
            with array.get_lock():
                for _ in range(SETS):
                    array[0] = 0.5

        yield {
            "get of a float": repeated(lambda: value.value),
            "set of a float": repeated(lambda: setattr(value, "value", 0.5)),
            "transaction of 8 sets": repeated(transaction),
            "a lock and its unlock": repeated(lambda: enter_and_leave(value.get_lock())),
        }


class Naps:
    """A process that sleeps for 50 ms again and again: what twenty wake-ups a second cost, whoever asks for them."""

    def __init__(self, _address: str, what: str) -> None:  # noqa: ARG002  (it is the same for all)
        self.is_over: Any = CONTEXT.RawValue("b")

    @contextmanager
    def open(self, _role: int) -> Iterator[Waits]:
        """Look whether it is over between two naps."""

        def wait() -> None:
            while not self.is_over.value:
                time.sleep(0.05)
            self.is_over.value = 0

        yield Waits(wait, lambda: setattr(self.is_over, "value", 1))


class Lock:
    """`multiprocessing.Lock`, which has no readers: whoever dies with it blocks all."""

    def __init__(self, _address: str) -> None:
        self.lock: Any = CONTEXT.Lock()

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Take it."""
        pair = repeated(lambda: enter_and_leave(self.lock))
        yield {"read lock and unlock": pair, "write lock and unlock": pair}


class SharedMemory:
    """A block of `multiprocessing.shared_memory` that is there already."""

    def __init__(self, address: str) -> None:
        self.name = f"{address.rpartition('/')[2]}-block"

    @contextmanager
    def open(self, role: int) -> Iterator[Actions]:
        """Open it, and close it."""
        block = shared_memory.SharedMemory(self.name, create=role == 0, size=4096)
        yield {"opening": repeated(lambda: shared_memory.SharedMemory(self.name).close())}
        block.close()
        if role == 0:
            block.unlink()


class FileLock:
    """`flock`: the kernel releases what the dead held."""

    def __init__(self, address: str) -> None:
        self.path = f"{address}/locked"

    @contextmanager
    def open(self, _role: int) -> Iterator[Recovery]:
        """Open the file anew for each lock, for a forked child shares those of its parent."""
        held: list[int] = []

        def acquire() -> None:
            held.append(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            fcntl.flock(held[-1], fcntl.LOCK_EX)

        yield Recovery(acquire, lambda: os.close(held.pop()))


class Pickle:
    """Pickles of the values that the plain codec is tried with; the loop is Python's."""

    def __init__(self, _address: str) -> None:
        pass

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Encode and decode each value."""
        actions: Actions = {}
        for name, value in VALUES.items():
            actions |= {f"encode {name}": encoder(value), f"decode {name}": decoder(pickle.dumps(value, 5))}
        yield actions


def encoder(value: object) -> Callable[[int], object]:
    """Return what pickles so many times."""
    return repeated(lambda: pickle.dumps(value, 5))


def decoder(content: bytes) -> Callable[[int], object]:
    """Return what reads the pickle so many times."""
    return repeated(lambda: pickle.loads(content))  # noqa: S301  (our own)

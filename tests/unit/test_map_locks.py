"""Locks of maps among the threads of a process, and among endpoints."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from memlane import AlreadyLocked, Closed, OwnershipLost, ReadAccessError, RWSharedMMap, SharedMMap, Timeout
from tests.children import Child

if TYPE_CHECKING:
    from pathlib import Path


def test_threads_of_one_endpoint_read_together(namespace: Path) -> None:
    """D21: the first thread takes the shared lock for all."""
    readers = 4
    together = threading.Barrier(readers, timeout=30)
    with RWSharedMMap("map", 8) as shm, ThreadPoolExecutor(readers) as pool:

        def read(_: int) -> object:
            with shm.lock_read():
                together.wait()
                return shm[:1]

        assert list(pool.map(read, range(readers))) == [b"\0"] * readers
        with RWSharedMMap("map", 8) as other, other.lock_write(timeout=0):
            pass


def test_lock_belongs_to_the_thread_that_took_it(namespace: Path) -> None:
    """Another thread of the process is as far outside as another process."""
    with SharedMMap("map", 8) as shm, ThreadPoolExecutor(1) as pool, shm.lock():
        with pytest.raises(ReadAccessError):
            pool.submit(shm.read, 1).result()
        with pytest.raises(Timeout, match=r"it is held by another thread or task of this process"):
            pool.submit(shm.lock(timeout=0.01).__enter__).result()


@pytest.mark.parametrize("first", ["lock_read", "lock_write"])
@pytest.mark.parametrize("second", ["lock_read", "lock_write"])
def test_nesting_and_upgrading_in_one_thread_are_errors_at_once(namespace: Path, first: str, second: str) -> None:
    """D21: it would wait for itself, for ever."""
    with RWSharedMMap("map", 8) as shm, getattr(shm, first)():
        with pytest.raises(AlreadyLocked, match=r"locks do not nest, and a read lock does not become a write lock"):
            getattr(shm, second)().__enter__()
        assert issubclass(AlreadyLocked, RuntimeError)
        assert shm[:1] == b"\0"


def test_one_lock_object_is_for_one_with_statement_at_a_time(namespace: Path) -> None:
    """And can be used again afterwards."""
    with SharedMMap("map", 8) as shm:
        lock = shm.lock()
        for _ in range(2):
            with lock, pytest.raises(AlreadyLocked, match=r"call lock\(\) anew"):
                lock.__enter__()
        with pytest.raises(OwnershipLost, match=r"this lock is not held"):
            lock.__exit__(None, None, None)


def test_timeouts_end_waits_and_name_the_holder(namespace: Path) -> None:
    """Who waits has to know whom to look at."""
    holder = rf"map 'map': its \w+ lock did not become free in time; it is held by pid {os.getpid()} \("
    with RWSharedMMap("map", 8) as one, RWSharedMMap("map", 8) as other:
        with one.lock_write():
            for lock in (other.lock_read(timeout=0), other.lock_write(timeout=0.01)):
                with pytest.raises(Timeout, match=holder):
                    lock.__enter__()
        with one.lock_read(), pytest.raises(Timeout, match=holder):
            other.lock_write(0).__enter__()
        with pytest.raises(ValueError, match=r"timeout=-1"):
            one.lock_read(-1)


def test_exception_inside_a_lock_releases_it(namespace: Path) -> None:
    """Whatever it is."""
    with RWSharedMMap("map", 8) as one, RWSharedMMap("map", 8) as other:
        for name in ("lock_read", "lock_write"):
            with pytest.raises(ZeroDivisionError), getattr(one, name)():
                _ = 1 / 0
            with other.lock_write(timeout=0) as lock:
                assert not lock.recovered


def test_forgotten_lock_is_released(namespace: Path) -> None:
    """A lock object that is thrown away cannot be left by anybody."""
    with SharedMMap("map", 8) as shm, SharedMMap("map", 8) as other:
        shm.lock().__enter__()
        with other.lock(timeout=30):
            pass


def test_closing_ends_the_waits_of_other_threads(namespace: Path) -> None:
    """Nobody waits for a lock through an endpoint that is not there."""
    with SharedMMap("map", 8) as one, SharedMMap("map", 8) as other, ThreadPoolExecutor(1) as pool, one.lock():
        begun = threading.Event()

        def wait() -> None:
            begun.set()
            with other.lock():
                pass

        waiting = pool.submit(wait)
        begun.wait()
        other.close()
        with pytest.raises(Closed):
            waiting.result(30)


def test_closing_inside_a_lock_gives_it_back(namespace: Path) -> None:
    """The with statement still ends as it should."""
    with SharedMMap("map", 8) as other:
        with SharedMMap("map", 8) as shm, shm.lock():
            shm.close()
        with other.lock(timeout=0) as lock:
            assert not lock.recovered


@pytest.mark.parametrize("writes", [False, True])
def test_signal_ends_a_wait_by_its_exception(namespace: Path, *, writes: bool) -> None:
    """Rule 6: Ctrl-C leaves at once, and everything stays as it was."""

    def ring(number: int, frame: object) -> None:
        raise InterruptedError("rung")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with RWSharedMMap("map", 8) as one, RWSharedMMap("map", 8) as other:
            with one.lock_write():
                signal.setitimer(signal.ITIMER_REAL, 0.03)
                with pytest.raises(InterruptedError, match="rung"):
                    (other.lock_write() if writes else other.lock_read()).__enter__()
            with other.lock_write(timeout=0), pytest.raises(Timeout):
                one.lock_read(timeout=0).__enter__()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_handler_that_returns_does_not_end_a_wait(namespace: Path) -> None:
    """The lock is taken when it becomes free, however many signals came meanwhile."""
    rung = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda *_: rung.set())
    try:
        with SharedMMap("map", 8) as one, SharedMMap("map", 8) as other, ThreadPoolExecutor(1) as pool:
            held = threading.Event()

            def hold_until_rung() -> None:
                with one.lock():
                    held.set()
                    assert rung.wait(30)

            holding = pool.submit(hold_until_rung)
            assert held.wait(30)
            signal.setitimer(signal.ITIMER_REAL, 0.03)
            with other.lock():
                assert rung.is_set()
            holding.result(30)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_locks_stay_with_the_parent_of_a_fork(namespace: Path) -> None:
    """D11: the child neither has the lock nor gives it back."""
    with SharedMMap("map", 8) as shm, SharedMMap("map", 8) as other:
        with shm.lock() as lock:

            def leave() -> list[str]:
                outcomes = []
                for use in (lambda: shm.read(1), lambda: lock.__exit__(None, None, None)):
                    try:
                        use()
                    except (ReadAccessError, OwnershipLost) as error:
                        outcomes.append(type(error).__name__)
                return outcomes

            with Child(leave) as child:
                assert child.answer() == ["ReadAccessError", "OwnershipLost"]
            with pytest.raises(Timeout):
                other.lock(timeout=0).__enter__()
            shm.write(b"mine")
        with Child(lambda: lock_and_read(shm)) as child:
            assert child.answer() == b"mine"


def lock_and_read(shm: Any) -> bytes:
    """Use an inherited endpoint."""
    with shm.lock(timeout=30):
        shm.seek(0)
        return bytes(shm.read(4))


@pytest.mark.slow
def test_counts_of_threads_and_endpoints_add_up(namespace: Path) -> None:
    """No write is lost between threads that share endpoints."""
    rounds, threads = 300, 6
    with RWSharedMMap("map", 8) as one, RWSharedMMap("map", 8) as other, ThreadPoolExecutor(threads) as pool:

        def count(number: int) -> None:
            shm = (one, other)[number % 2]
            for _ in range(rounds):
                with shm.lock_read():
                    _ = shm[0]
                with shm.lock_write():
                    shm[:] = (int.from_bytes(shm[:], "little") + 1).to_bytes(8, "little")

        list(pool.map(count, range(threads)))
        with one.lock_read():
            assert int.from_bytes(one[:], "little") == rounds * threads
        statistics = one.stats()
        assert (statistics.write_locks, statistics.recovered) == (rounds * threads, 0)

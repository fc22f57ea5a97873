"""Mutexes over memory of one's own."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import pickle
import signal
import threading
import time
from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

import pytest

from memlane.errors import Closed, RuntimeBaseException
from memlane.sync import Mutex, SyncError
from tests.children import answer_of_child
from tests.peer import Link, Peer, process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHARED = pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map a file of a mutex's size; make it where it is missing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, mmap.PAGESIZE)
    memory = mmap.mmap(descriptor, mmap.PAGESIZE)
    os.close(descriptor)
    yield memory
    memory.close()


def initialized(buf: Any = None, **options: Any) -> Mutex:
    """Make a mutex."""
    mutex = Mutex(buf, **options)
    mutex.initialize()
    return mutex


def number_of(call: Callable[[], object]) -> int:
    """Return the number of the error that a call raises."""
    with pytest.raises(SyncError) as caught:
        call()
    return caught.value.errno


def take(mutex: Mutex) -> bool:
    """Hold the mutex for a moment."""
    mutex.acquire(timeout=None)
    mutex.release()
    return True


def in_thread(function: Callable[[], Any]) -> Any:
    """Run a function in another thread and return its answer."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


@SHARED
@pytest.mark.usefixtures("namespace")
def test_mutex_is_acquired_and_released(*, shared: bool) -> None:
    """With methods, and as a block."""
    mutex = initialized(shared=shared)

    mutex.acquire()
    mutex.release()
    with mutex as entered:
        assert entered is mutex
        assert in_thread(lambda: number_of(lambda: mutex.acquire(timeout=0))) == errno.EBUSY

    assert in_thread(lambda: take(mutex))
    assert mutex.recovered is False


@SHARED
@pytest.mark.usefixtures("namespace")
def test_holder_acquires_again_and_releases_as_often(*, shared: bool) -> None:
    """A function that needs the mutex may call another one that does."""
    mutex = initialized(shared=shared)

    with mutex, mutex:
        pass

    assert number_of(mutex.release) == errno.EPERM


@SHARED
@pytest.mark.usefixtures("namespace")
def test_mutex_that_is_not_recursive_refuses_its_holder(*, shared: bool) -> None:
    """It would wait for itself."""
    mutex = initialized(shared=shared, recursive=False)

    with mutex:
        assert number_of(mutex.acquire) == errno.EDEADLK


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("content", [b"\x00", b"\xff", b"\x01"])
def test_memory_that_was_never_initialised_is_refused(content: bytes) -> None:
    """Zeros are what fresh memory holds; everybody would be let in."""
    mutex = Mutex(bytearray(content * Mutex.SIZE))

    assert {number_of(mutex.acquire), number_of(mutex.release), number_of(mutex.destroy)} == {errno.EINVAL}


def test_mutex_of_another_namespace_is_refused(namespace: Path, tmp_path: Path) -> None:
    """Its holder could not be told from a dead one here."""
    memory = bytearray(Mutex.SIZE)
    initialized(memory)
    (tmp_path / "other").mkdir(mode=0o700)

    assert number_of(Mutex(memory, directory=tmp_path / "other").acquire) == errno.EINVAL
    assert number_of(Mutex(memory, shared=False).acquire) == errno.EINVAL


@pytest.mark.usefixtures("namespace")
def test_time_that_is_over_is_an_error_and_not_before() -> None:
    """A robot has to go on."""
    mutex = initialized()

    def wait() -> tuple[int, float]:
        begin = time.monotonic()
        return number_of(lambda: mutex.acquire(timeout=0.03)), time.monotonic() - begin

    with mutex:
        number, waited = in_thread(wait)

    assert number == errno.ETIMEDOUT
    assert waited >= 0.03


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("timeout", [-1, -0.1, float("nan")])
def test_negative_timeout_is_refused_even_where_nobody_waits(timeout: float) -> None:
    """It is a mistake of the program, whoever holds the mutex."""
    mutex = initialized()

    with pytest.raises(ValueError, match="timeout"):
        mutex.acquire(timeout=timeout)


@SHARED
@pytest.mark.usefixtures("namespace")
def test_only_the_holding_thread_releases(*, shared: bool) -> None:
    """Who released another's mutex would let a third one in."""
    mutex = initialized(shared=shared)

    with mutex:
        assert in_thread(lambda: number_of(mutex.release)) == errno.EPERM


@pytest.mark.usefixtures("namespace")
def test_held_mutex_is_not_destroyed() -> None:
    """Its holder still relies on it."""
    mutex = initialized()

    with mutex:
        assert number_of(mutex.destroy) == errno.EBUSY
    mutex.destroy()

    assert number_of(mutex.acquire) == errno.EINVAL


@pytest.mark.usefixtures("namespace")
def test_two_objects_over_one_memory_are_one_mutex() -> None:
    """Each part of a program makes its own."""
    memory = bytearray(Mutex.SIZE)
    first, second = initialized(memory), Mutex(memory)

    with first:
        assert in_thread(lambda: number_of(lambda: second.acquire(timeout=0))) == errno.EBUSY
        second.acquire()
        second.release()

    assert in_thread(lambda: take(second))


@pytest.mark.usefixtures("namespace")
def test_mutex_stays_held_when_its_object_goes() -> None:
    """The thread is still where the mutex protects it."""
    memory = bytearray(Mutex.SIZE)
    initialized(memory).acquire()

    other = Mutex(memory)

    assert in_thread(lambda: number_of(lambda: other.acquire(timeout=0))) == errno.EBUSY
    other.release()


def test_mutex_in_a_cycle_gives_its_buffer_back() -> None:
    """A traceback is enough for a cycle; memory that stays exported can never be resized or closed again."""
    memory = bytearray(Mutex.SIZE)
    cycle: list[object] = [Mutex(memory, shared=False)]  # the mutex is older, so it is cleared first
    cycle.append(cycle)
    del cycle

    gc.collect()

    memory.clear()


@pytest.mark.usefixtures("namespace")
def test_mutex_lives_in_a_block_of_multiprocessing() -> None:
    """That is where most programs have shared memory."""
    block = SharedMemory(create=True, size=Mutex.SIZE)
    try:
        mutex = initialized(block.buf)
        with mutex:
            pass
        mutex.close()
    finally:
        block.close()
        block.unlink()


@pytest.mark.parametrize(
    ("buf", "error"),
    [
        (bytes(64), TypeError),
        ("text", TypeError),
        (bytearray(63), ValueError),
        (memoryview(bytearray(128))[1:], ValueError),
    ],
)
def test_buffer_that_cannot_hold_a_mutex_is_refused(buf: Any, error: type[Exception]) -> None:
    """A word across two cache lines is not atomic."""
    with pytest.raises(error, match="a mutex needs|bytes-like"):
        Mutex(buf, shared=False)


def test_mutex_stays_in_its_process() -> None:
    """A pickle of one would be a mutex over other memory."""
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(Mutex(shared=False))


def test_mutex_that_was_never_opened_says_so() -> None:
    """Its memory is nowhere."""
    mutex = Mutex.__new__(Mutex)

    for call in (mutex.initialize, mutex.acquire, mutex.release, mutex.destroy):
        with pytest.raises(Closed, match="not open"):
            call()


def test_chosen_numbers_pass_in_silence() -> None:
    """Who only tries expects to fail."""
    with SyncError.suppress(errno.EBUSY, errno.ETIMEDOUT):
        raise SyncError("held", errno.EBUSY)
    with pytest.raises(SyncError), SyncError.suppress(errno.EBUSY):
        raise SyncError("over", errno.ETIMEDOUT)
    with pytest.raises(ValueError, match="other"), SyncError.suppress(errno.EBUSY):
        raise ValueError("other")


def test_error_carries_number_and_context() -> None:
    """A handler decides by the number."""
    error = SyncError("held", errno.EBUSY, name="left")

    assert (str(error), error.errno, error.context) == ("held", errno.EBUSY, {"name": "left"})
    assert repr(error) == f"SyncError('held', {errno.EBUSY}, name='left')"
    assert isinstance(error, RuntimeBaseException)


# -- other processes -------------------------------------------------------------------------------------------


def hold(link: Link, path: Path) -> None:
    """Hold the mutex until this process is killed."""
    with mapped(path) as memory:
        Mutex(memory).acquire()
        link.send("held")
        link.receive()


def test_next_holder_is_told_of_a_death(namespace: Path) -> None:
    """What the mutex guards may be half-written."""
    with mapped(namespace / "memory") as memory:
        mutex = initialized(memory)
        with Peer(hold, namespace / "memory") as holder:
            assert holder.receive() == "held"
            assert number_of(lambda: mutex.acquire(timeout=0)) == errno.EBUSY
            holder.kill()

            mutex.acquire(timeout=0)
            recovered = mutex.recovered
            mutex.release()
            with mutex:
                pass

        assert recovered
        assert not mutex.recovered
        mutex.close()


def test_stopped_holder_keeps_the_mutex(namespace: Path) -> None:
    """It is in a debugger, and will go on where it was."""
    with mapped(namespace / "memory") as memory:
        mutex = initialized(memory)
        with Peer(hold, namespace / "memory") as holder:
            assert holder.receive() == "held"
            holder.stop()

            assert number_of(lambda: mutex.acquire(timeout=0.05)) == errno.ETIMEDOUT
        mutex.close()


@SHARED
@pytest.mark.usefixtures("namespace")
def test_forked_child_holds_nothing(*, shared: bool) -> None:
    """Two processes inside would be one too many."""
    mutex = initialized(shared=shared)

    with mutex:
        assert answer_of_child(lambda: number_of(mutex.release)) == errno.EPERM


ROUNDS = 2000


def count(link: Link, path: Path) -> None:
    """Raise a number in steps that only the mutex keeps together."""
    with mapped(path) as memory:
        mutex = Mutex(memory)
        link.send("ready")
        link.receive()
        for _ in range(ROUNDS):
            with mutex:
                memory[64:72] = (int.from_bytes(memory[64:72], "little") + 1).to_bytes(8, "little")
        mutex.close()


@pytest.mark.slow
def test_no_count_is_lost_between_processes(namespace: Path) -> None:
    """That is what a mutex is for."""
    with mapped(namespace / "memory") as memory:
        mutex = initialized(memory)
        with Peer(count, namespace / "memory") as first, Peer(count, namespace / "memory") as second:
            peers = (first, second)
            assert [peer.receive() for peer in peers] == ["ready", "ready"]
            for peer in peers:
                peer.send("go")
            assert [peer.join() for peer in peers] == [0, 0]

        assert int.from_bytes(memory[64:72], "little") == 2 * ROUNDS
        mutex.close()


# -- threads ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("namespace")
def test_waiting_thread_lets_the_others_run() -> None:
    """The interpreter must go on while a thread waits, or nobody ever releases."""
    mutex = initialized()
    waiter = threading.Thread(target=lambda: take(mutex))
    mutex.acquire()
    waiter.start()
    steps = 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return steps > 100

    wait_until(step, "this thread runs while the other one waits")

    assert waiter.is_alive()
    mutex.release()
    waiter.join()


@SHARED
@pytest.mark.usefixtures("namespace")
def test_closing_ends_the_wait_of_another_thread(*, shared: bool) -> None:
    """The memory may go as soon as the waiting thread has left it, and not before."""
    buf = bytearray(Mutex.SIZE)
    holder, mutex = initialized(buf, shared=shared), Mutex(buf, shared=shared)
    holder.acquire()
    waiting = threading.Event()
    caught: list[BaseException] = []

    def wait() -> None:
        waiting.set()
        with pytest.raises(Closed) as found:
            mutex.acquire(timeout=None)
        caught.append(found.value)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    mutex.close()
    thread.join()
    holder.release()
    holder.close()
    buf.clear()  # BufferError while anybody has it

    assert len(caught) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_contending_threads_never_stall_the_interpreter() -> None:
    """A third thread's longest pause is compared with what the same threads cost without a mutex."""
    mutex = initialized()
    done = threading.Event()
    counts = [0, 0]

    def contend(index: int) -> None:
        while not done.is_set():
            with mutex:
                counts[index] += 1

    threads = [threading.Thread(target=contend, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    progress, deadline = 0, time.monotonic() + 1
    while time.monotonic() < deadline:
        progress += 1
    done.set()
    for thread in threads:
        thread.join()

    # Without the interpreter it would not have come round its loop more than a few times.
    assert progress > 1000
    assert min(counts) > 0


@pytest.mark.usefixtures("namespace")
def test_control_c_ends_the_wait() -> None:
    """A program that hangs in a lock has to be stoppable."""
    mutex = initialized()
    held = threading.Event()
    free = threading.Event()

    def hold_here() -> None:
        with mutex:
            held.set()
            free.wait()

    holder = threading.Thread(target=hold_here)
    holder.start()
    held.wait()

    def interrupt() -> None:
        wait_until(lambda: process_state(os.getpid()) == "S", "the main thread sleeps")
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            mutex.acquire(timeout=30)
    finally:
        killer.join()
        free.set()
        holder.join()

    with mutex:
        pass

"""Locks in tasks: no thread owns them across an await, and nothing is held by who was cancelled."""

from __future__ import annotations

import asyncio
import errno
import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from memlane import AlreadyLocked, ReadAccessError, RWSharedMMap, SharedMMap, Timeout, WriteAccessError
from memlane.sync import Mutex, SyncError
from tests.children import answer_of_child
from tests.loops import ASYNCIO_LOOPS, LOOPS, sleep, together
from tests.peer import PATIENCE_SECONDS, Peer, wait_until
from tests.unit.test_sync import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from memlane.acquisition import Acquisition
    from tests.loops import Run
    from tests.peer import Link

    Acquire = Callable[[float | None], Acquisition]

pytestmark = pytest.mark.usefixtures("what_loops_keep")


def no_thread_waits() -> bool:
    """Tell whether all threads that waited in a task's stead have gone."""
    return not any(thread.name == "memlane-lock" for thread in threading.enumerate())


@contextmanager
def by_map(path: Path) -> Iterator[Acquire]:
    """Lock a map."""
    with SharedMMap(path.name, 8, directory=path.parent) as shm:
        yield lambda timeout: shm.lock(timeout).acquire_async()


@contextmanager
def by_mutex(path: Path) -> Iterator[Acquire]:
    """Make a mutex, and lock it."""
    with mapped(path) as memory:
        made = [Mutex(memory)]
        made[0].initialize()
        yield lambda timeout: made[0].acquire_async(timeout=timeout)
        made.pop().close()  # pytest keeps what it was given, and the mutex its place


@pytest.fixture(params=[by_map, by_mutex])
def acquire(request: pytest.FixtureRequest, namespace: Path) -> Iterator[Acquire]:
    """Give what locks a new lock, of each kind."""
    with request.param(namespace / "locked") as acquire:
        yield acquire
        wait_until(no_thread_waits, "the threads that waited have gone")


@LOOPS
def test_tasks_of_one_thread_exclude_each_other(acquire: Acquire, run: Run) -> None:
    """Each awaits while it holds the lock: another one waits, and does not re-enter."""
    inside = most = done = 0

    async def work() -> None:
        nonlocal inside, most, done
        for _ in range(5):
            async with acquire(PATIENCE_SECONDS) as acquired:
                assert not acquired.recovered
                inside += 1
                most = max(most, inside)
                for _ in range(3):
                    await sleep(0)
                inside -= 1
                done += 1

    async def program() -> None:
        await together(work, work, work)

    run(program)

    assert (most, done) == (1, 15)


@LOOPS
def test_lock_permits_what_its_task_does(namespace: Path, run: Run) -> None:
    """And the tasks that it starts; not those beside it, though they run in the same thread."""

    async def program() -> None:
        with RWSharedMMap("map", 8) as shm:
            ended = False

            async def beside() -> None:
                while not ended:
                    with pytest.raises(ReadAccessError):
                        shm[:1]
                    await sleep(0)

            async def write() -> None:
                nonlocal ended
                async with shm.lock_write().acquire_async():
                    shm[:4] = b"text"
                    await sleep(0)
                    assert shm[:4] == b"text"
                async with shm.lock_read().acquire_async():
                    await sleep(0)
                    assert shm[:4] == b"text"
                    with pytest.raises(WriteAccessError):
                        shm[:4] = b"more"
                with pytest.raises(ReadAccessError):
                    shm[:1]
                ended = True

            await together(beside, write)

    run(program)


@LOOPS
def test_task_that_would_wait_for_itself_is_told(acquire: Acquire, run: Run) -> None:
    """At once, instead of never."""

    async def program() -> None:
        async with acquire(None):
            with pytest.raises((AlreadyLocked, SyncError), match="this task holds"):
                await acquire(None).__aenter__()
        async with acquire(None):
            pass
        used = acquire(None)
        async with used:
            pass
        with pytest.raises(AlreadyLocked, match=r"call acquire_async\(\) anew"):
            await used.__aenter__()

    run(program)


@LOOPS
def test_any_thread_gives_the_lock_back(acquire: Acquire, run: Run) -> None:
    """No thread owns it."""

    async def program() -> None:
        async with acquire(None) as acquired:
            thread = threading.Thread(target=acquired.release)
            thread.start()
            thread.join()
            assert not acquired.is_held
            async with acquire(0):
                pass

    run(program)


@LOOPS
def test_time_that_is_over_ends_the_wait(acquire: Acquire, run: Run) -> None:
    """With the error of the blocking form."""

    async def refuse(seconds: float) -> int:
        try:
            await acquire(seconds).__aenter__()
        except Timeout as error:
            return error.errno or 0
        except SyncError as error:
            return error.errno
        return 0

    async def program() -> None:
        numbers = []

        async def late() -> None:
            numbers.extend([await refuse(0), await refuse(0.02)])

        async with acquire(None):
            await together(late)
        assert numbers in ([errno.ETIMEDOUT] * 2, [errno.EBUSY, errno.ETIMEDOUT])

    run(program)


def test_forked_child_lets_go_of_its_parents_mutex_in_silence(
    namespace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It holds nothing, so that nothing has to be given back, and no error to be shown on its standard error."""
    memory = bytearray(Mutex.SIZE)
    mutex = Mutex(memory)
    mutex.initialize()
    held = [mutex.acquire_async()]

    def child() -> object:
        assert not held[0].is_held
        held.clear()
        gc.collect()
        return "let go"

    asyncio.run(enter(held[0]))

    assert answer_of_child(child) == "let go"
    assert held[0].is_held
    held[0].release()
    mutex.acquire(timeout=0)
    mutex.release()
    assert capfd.readouterr().err == ""


async def enter(acquisition: Acquisition) -> None:
    """Take a lock, and keep it beyond the end of the loop."""
    await acquisition.__aenter__()


@LOOPS
def test_lock_stays_with_the_parent_of_a_fork(namespace: Path, run: Run) -> None:
    """The child may not access what its parent has locked."""

    async def program() -> None:
        with SharedMMap("map", 8) as shm:

            def child() -> object:
                with pytest.raises(ReadAccessError):
                    shm[:1]
                with pytest.raises(Timeout):
                    shm.lock(timeout=0).__enter__()
                return "outside"

            async with shm.lock().acquire_async():
                assert answer_of_child(child) == "outside"
                assert shm[:1] == b"\0"

    run(program)


def test_cancelled_task_of_trio_holds_nothing(acquire: Acquire) -> None:
    """There a scope is cancelled."""

    async def program() -> None:
        for number in range(30):
            holding = acquire(None)
            await holding.__aenter__()
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:

                    async def enter() -> None:
                        async with acquire(None):
                            await trio.sleep_forever()

                    nursery.start_soon(enter)
                    for _ in range(number % 4):
                        await trio.lowlevel.checkpoint()
                    if number % 2:
                        await holding.__aexit__(None, None, None)
                        for _ in range(number * 5):
                            await trio.lowlevel.checkpoint()
                    scope.cancel()
            if holding.is_held:
                await holding.__aexit__(None, None, None)
            async with acquire(PATIENCE_SECONDS) as again:
                assert not again.recovered

    trio.run(program)


@ASYNCIO_LOOPS
def test_cancelled_wait_holds_nothing(acquire: Acquire, run: Run) -> None:
    """At each moment: while the thread waits, and after it had the lock and before the task went on."""

    async def enter(acquired: list[object]) -> None:
        async with acquire(None):
            acquired.append(None)

    async def program() -> None:
        for number in range(30):
            acquired: list[object] = []
            holding = acquire(None)
            await holding.__aenter__()
            waiting = asyncio.ensure_future(enter(acquired))
            for _ in range(number % 4):
                await asyncio.sleep(0)
            if number % 2:
                await holding.__aexit__(None, None, None)
                for _ in range(number * 5):
                    await asyncio.sleep(0)
            waiting.cancel()
            assert await asyncio.gather(waiting, return_exceptions=True)
            if holding.is_held:
                assert not acquired
                await holding.__aexit__(None, None, None)
            async with acquire(PATIENCE_SECONDS) as again:
                assert not again.recovered

    run(program)


# -- other processes -----------------------------------------------------------------------------------------------


def add_often(link: Link, times: int) -> None:
    """Add to the count by the blocking form."""
    with SharedMMap("count", 8) as shm:
        for _ in range(times):
            with shm.lock(PATIENCE_SECONDS):
                shm[:] = (int.from_bytes(shm[:], "little") + 1).to_bytes(8, "little")
    link.send("done")


@pytest.mark.slow
@LOOPS
def test_no_count_is_lost_beside_a_blocking_process(namespace: Path, run: Run) -> None:
    """Both kinds of holders wait in one queue."""
    times = 100

    async def program() -> None:
        with SharedMMap("count", 8) as shm:

            async def add() -> None:
                for _ in range(times):
                    async with shm.lock(PATIENCE_SECONDS).acquire_async():
                        count = int.from_bytes(shm[:], "little")
                        await sleep(0)
                        shm[:] = (count + 1).to_bytes(8, "little")

            await together(add, add)

    with SharedMMap("count", 8) as shm, Peer(add_often, times) as peer:
        run(program)
        assert peer.receive() == "done"
        with shm.lock():
            assert int.from_bytes(shm[:], "little") == 3 * times


def hold_map(link: Link, path: Path) -> None:
    """Hold the map until this process is killed."""
    with SharedMMap(path.name, 8, directory=path.parent) as shm, shm.lock():
        link.send("held")
        link.receive()


def hold_mutex(link: Link, path: Path) -> None:
    """Hold the mutex until this process is killed."""
    with mapped(path) as memory:
        Mutex(memory).acquire()
        link.send("held")
        link.receive()


@pytest.mark.slow
@LOOPS
@pytest.mark.parametrize(("opened", "hold"), [(by_map, hold_map), (by_mutex, hold_mutex)])
def test_death_of_the_holder_lets_the_task_in(
    namespace: Path, run: Run, opened: Callable[[Path], AbstractContextManager[Acquire]], hold: Callable[..., Any]
) -> None:
    """And it is told."""

    async def program(acquire: Acquire, holder: Peer) -> bool:
        recovered = False

        async def wait() -> None:
            nonlocal recovered
            async with acquire(PATIENCE_SECONDS) as acquired:
                recovered = acquired.recovered

        async def kill() -> None:
            while no_thread_waits():
                await sleep(0)
            holder.kill()

        await together(wait, kill)
        async with acquire(0) as acquired:
            assert not acquired.recovered
        return recovered

    with opened(namespace / "locked") as acquire, Peer(hold, namespace / "locked") as holder:
        assert holder.receive() == "held"
        assert run(lambda: program(acquire, holder))

"""Forked children: they use what their parent had, or leave, and neither harms the parent (D11)."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trio
import trio.testing

import memlane
import memlane.sync
from memlane import HostVariable
from memlane._native.endpoint import Poll
from memlane._native.fork import PerProcess
from memlane._native.sync import Participation
from memlane.buffer import Buffer, Parameter
from memlane.event_loop import wait_until_readable
from memlane.turns import Turns
from tests import storm
from tests.children import Child, answer_of_child, end_by_itself, fork_and_leave
from tests.loops import ASYNCIO_LOOPS
from tests.namespaces import answer_of_isolated_child, mount, unshare_mounts
from tests.peer import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import BaseContext
    from pathlib import Path

    from tests.loops import Run


def test_child_reads_and_writes_through_the_endpoint_of_its_parent(variable: HostVariable) -> None:
    """What worked before the fork works after it, on both sides."""
    variable.data = "from the parent"

    def read_and_write() -> Any:
        value = variable.data
        variable.data = "from the child"
        return value

    answer = answer_of_child(read_and_write)

    assert (answer, variable.data, variable.version) == ("from the parent", "from the child", 2)


def test_child_that_exits_at_once_leaves_its_parent_alone(variable: HostVariable) -> None:
    """``subprocess`` and ``os.system`` fork too, and most children never touch the endpoint."""
    for _ in range(20):
        answer_of_child(lambda: None)

    variable.data = 1
    assert (variable.data, variable.stats().live_participants) == (1, 1)


def test_child_that_closes_the_endpoint_leaves_its_parent_alone(variable: HostVariable) -> None:
    """A child that cleans up cleans up its own."""
    answer_of_child(variable.close)

    variable.data = 1
    assert (variable.data, variable.closed) == (1, False)


def test_child_is_a_participant_of_its_own(variable: HostVariable) -> None:
    """Its death must be told from its parent's."""
    with Child(lambda: (signal.sigwait([signal.SIGUSR1]), variable.version)) as child:
        wait_until(lambda: variable.stats().live_participants == 2, "the child is counted")

        child.kill()

        assert variable.stats().live_participants == 1


def daemonise(variable: HostVariable) -> None:
    """Go on in a child, as daemons do, and answer the next value."""
    if os.fork() == 0:
        end_by_itself()
        variable.wait(newer_than=1, timeout=PATIENCE_SECONDS)
        variable.data = "answer"
    os._exit(0)


def test_child_outlives_its_parent(variable: HostVariable) -> None:
    """A daemon forks twice; its endpoint must not die with the process that opened it."""
    variable.data = "before"
    with Child(lambda: daemonise(variable)) as parent:
        parent.join()
        # Until the daemon has run its side of fork() it holds what it inherited of the dead process between.
        wait_until(lambda: variable.stats().live_participants == 2, "the process between counts as dead")

        variable.data = "question"

        assert variable.wait(newer_than=2, timeout=PATIENCE_SECONDS) == "answer"
        wait_until(lambda: variable.stats().live_participants == 1, "the daemon has ended")


def test_loan_of_the_parent_stays_with_the_parent(variable: HostVariable) -> None:
    """D11: two processes must not publish one slot."""
    loan = variable.loan(size=6)
    with loan as place:
        place[:] = b"parent"

        def try_to_publish() -> str:
            try:
                loan.__exit__(None, None, None)
            except memlane.OwnershipLost as error:
                return str(error)
            return "published"

        answer = answer_of_child(try_to_publish)
        during = variable.get("nothing yet")

    assert answer.startswith("variable 'pose': this loan is not this process's any more (it was made before a fork")
    assert "nothing was published: loan again" in answer
    assert (during, variable.data) == ("nothing yet", b"parent")


def test_child_that_drops_its_parents_loan_frees_nothing(namespace: Path) -> None:
    """The slot is the parent's; a child's garbage collector must not give it away."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"first"
        with variable.loan(size=6) as place:
            place[:] = b"parent"

            def collect_and_write() -> bool:
                nonlocal place
                place.release()
                with pytest.raises(memlane.NoFreeSlot):
                    variable.loan(size=1, timeout=0)
                return True

            assert answer_of_child(collect_and_write)

        assert variable.data == b"parent"


def test_view_of_the_parent_is_a_view_of_the_child_too(variable: HostVariable) -> None:
    """D11: the child's copy of the view is protected by a pin of its own."""
    variable.data = np.arange(100.0)
    views = [variable.view()]

    def look() -> bool:
        variable.wait(newer_than=1 + 60)
        return bool(np.array_equal(views[0], np.arange(100.0)))

    with Child(look) as child:
        views.clear()  # the parent's pin is gone: only the child's protects the version
        for _ in range(61):
            variable.data = np.zeros(100)

        assert child.answer()
    with HostVariable("pose"):  # who takes the dead child's place takes its pins away
        assert variable.stats().slots_pinned == 0


def test_views_of_many_children_are_given_back_when_they_are_killed(variable: HostVariable) -> None:
    """A pin of a dead child is as dead as the child."""
    variable.data = b"one"
    view = variable.view()
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(signal.pause)) for _ in range(10)]
        variable.data = b"two"
        del view
        pinned = variable.stats().slots_pinned
        for child in children:
            child.kill()

    for number in range(30):
        variable.data = bytes([number])
    with HostVariable("pose"):
        pass

    assert pinned == 1
    assert variable.stats().live_participants == 1


def test_child_without_a_free_place_says_so_and_keeps_private_views(namespace: Path) -> None:
    """D11: the table is full; the child's views are copies, its endpoint an error that names the live ones."""
    with HostVariable("pose", max_participants=1, slots=3) as variable:
        variable.data = b"frame"
        view = variable.view()

        def use() -> tuple[bytes, str]:
            try:
                _ = variable.data
            except memlane.TooManyParticipants as error:
                return bytes(view), str(error)
            return bytes(view), "no error"

        content, text = answer_of_child(use)
        variable.data = b"after"

        assert content == b"frame"
        assert "variable 'pose' has places for 1 open endpoints and 1 are taken" in text
        assert f"pid {os.getpid()} (" in text
        assert "close some, or remove it and create it with more (max_participants=, at most 1024)" in text
        assert variable.data == b"after"


def test_private_view_of_a_child_without_a_place_never_changes(namespace: Path) -> None:
    """The slot is free for the parent's writers; the child sees the bytes of the fork."""
    with HostVariable("pose", max_participants=1, slots=2) as variable:
        variable.data = b"frame"
        views = [variable.view()]
        ready, go = os.pipe()

        def look() -> bytes:
            os.read(ready, 1)
            return bytes(views[0])

        with Child(look) as child:
            views.clear()
            for _ in range(10):
                variable.data = b"other"
            os.write(go, b"!")

            assert child.answer() == b"frame"
        os.close(ready)
        os.close(go)


def test_child_without_a_place_works_as_soon_as_one_is_free(namespace: Path) -> None:
    """`TooManyParticipants` is no verdict for ever."""
    with HostVariable("pose", max_participants=1) as variable:
        variable.data = "value"
        ready, go = os.pipe()

        def read_later() -> Any:
            os.read(ready, 1)
            return variable.data

        with Child(read_later) as child:
            variable.close()
            os.write(go, b"!")

            assert child.answer() == "value"
        os.close(ready)
        os.close(go)


def test_repr_of_an_endpoint_without_a_place_raises_nothing(namespace: Path) -> None:
    """Whoever logs the endpoint that failed must get a line, not a second error."""
    with HostVariable("pose", max_participants=1) as variable:
        text = answer_of_child(lambda: repr(variable))

    assert "'pose'" in text


@pytest.mark.slow
def test_fork_while_threads_write_view_and_open(variable: HostVariable) -> None:
    """Hazard 38: the other threads may be anywhere; the child has none of them, and none of their locks."""
    variable.data = np.zeros(50)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            variable.data = np.ones(50)

    def view() -> None:
        while not over.is_set():
            assert variable.view().shape == (50,)

    def open_and_close() -> None:
        while not over.is_set():
            HostVariable("pose").close()

    threads = [threading.Thread(target=target) for target in (write, write, view, view, open_and_close, open_and_close)]
    for thread in threads:
        thread.start()

    def use() -> tuple[int, ...]:
        variable.data = np.full(50, 7.0)
        with HostVariable("pose") as another:
            return (*variable.view().shape, *another.data.shape)

    try:
        answers = {answer_of_child(use) for _ in range(60)}
    finally:
        over.set()
        for thread in threads:
            thread.join()

    assert answers == {(50, 50)}
    assert variable.stats().live_participants == 1
    variable.data = 1
    assert variable.data == 1


@pytest.mark.slow
def test_generations_of_forks_use_one_endpoint(variable: HostVariable) -> None:
    """A child of a child of a child, each with a place of its own."""

    def descend(depth: int) -> int:
        variable.data = depth
        return 1 + answer_of_child(lambda: descend(depth - 1)) if depth else 1

    assert descend(8) == 9

    assert (variable.data, variable.stats().writes, variable.stats().live_participants) == (0, 9, 1)


def test_wait_in_a_child_is_woken_by_its_parent(variable: HostVariable) -> None:
    """The word that is slept on is shared by both."""
    with Child(lambda: variable.wait(timeout=30)) as child:
        variable.data = "woken"

        assert child.answer() == "woken"


def write_double(variable: HostVariable, number: int) -> int:
    """Run in a worker: the endpoint arrives by name."""
    variable.data = number
    return 2 * number


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_of_multiprocessing_uses_an_endpoint_that_was_sent_to_it(variable: HostVariable, method: str) -> None:
    """Rule 8: an endpoint is an argument like any other, whatever the start method."""
    context: BaseContext = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        doubled = list(pool.map(write_double, [variable] * 4, range(4)))

    assert doubled == [0, 2, 4, 6]
    assert variable.data in range(4)
    assert variable.stats().writes == 4


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_process_of_multiprocessing_ends_and_leaves_the_object(variable: HostVariable, method: str) -> None:
    """Hazard 27: the standard library's own shared memory is unlinked when the first user exits; this is not."""
    process = multiprocessing.get_context(method).Process(target=write_double, args=(variable, 21))  # type: ignore[attr-defined]
    process.start()
    process.join()

    assert (process.exitcode, variable.data, variable.is_current) == (0, 21, True)
    process.close()


def test_temporary_object_stays_while_a_forked_child_has_it(namespace: Path) -> None:
    """A child is a user: the parent's close must not remove the name."""
    variable = HostVariable("scratch", persistent=False)
    variable.data = 1
    ready, go = os.pipe()

    def close_later() -> Any:
        os.read(ready, 1)
        value = variable.data
        variable.close()
        return value

    with Child(close_later) as child:
        variable.close()
        between = [path.name for path in namespace.iterdir()]
        os.write(go, b"!")
        assert child.answer() == 1
    os.close(ready)
    os.close(go)

    assert between == ["scratch"]
    assert list(namespace.iterdir()) == []


def test_subprocess_inherits_no_descriptor_and_no_lock(variable: HostVariable) -> None:
    """Hazard 39: everything is closed at exec, also with ``close_fds=False``; a dead parent must look dead."""
    program = "import os; print(*[os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')])"

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, close_fds=False
    ).stdout

    assert "pose" not in output
    assert variable.stats().live_participants == 1


@pytest.mark.parametrize("kind", ["loan", "map", "mutex", "buffer"])
def test_child_that_is_forked_in_a_block_leaves_it_by_its_own_exception(variable: HostVariable, kind: str) -> None:
    """It may be the one of ``sys.exit``: a program that ends so has its own status, and prints nothing."""
    mutex = memlane.sync.Mutex()
    mutex.initialize()
    with memlane.SharedMMap("map", 64) as mapping, Counter.open("counter") as buffer, contextlib.ExitStack() as stack:
        buffer.valid = True
        blocks: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
            "loan": lambda: variable.loan(size=1),
            "map": mapping.lock,
            "mutex": lambda: mutex,
            "buffer": buffer.transaction,
        }
        stack.enter_context(blocks[kind]())

        def leave() -> Any:
            with pytest.raises(SystemExit) as leaving, stack:
                raise SystemExit(7)
            return leaving.value.code

        assert answer_of_child(leave) == 7


@pytest.mark.parametrize("kind", ["map", "mutex"])
def test_child_that_is_forked_in_a_task_with_a_lock_leaves_it_by_its_own_exception(namespace: Path, kind: str) -> None:
    """Blocks of tasks are left as others are."""
    parent = os.getpid()
    mutex = memlane.sync.Mutex()
    mutex.initialize()

    async def program(mapping: memlane.SharedMMap) -> int:
        async with (mapping.lock() if kind == "map" else mutex).acquire_async():
            return fork_and_leave(7)

    try:
        with memlane.SharedMMap("map", 64) as mapping:
            status = asyncio.run(program(mapping))
    except SystemExit as leaving:
        if os.getpid() != parent:
            os._exit(leaving.code)  # type: ignore[arg-type]  # the number above
        raise
    finally:
        if os.getpid() != parent:
            os._exit(1)

    assert status == 7


def test_child_is_told_that_the_end_at_which_its_parent_listens_is_not_its_own(namespace: Path) -> None:
    """To stop the listener, as others are told to, is nothing that it could do."""
    with memlane.open_channel("wire", memlane.CHAN_R) as reader, reader.read_async(lambda _: None):

        def read() -> None:
            with pytest.raises(memlane.OwnershipLost, match="it stayed with the parent of a fork"):
                reader.read_bytes(1, 0)

        answer_of_child(read)
        with pytest.raises(memlane.EndpointBusy):
            reader.read_bytes(1, 0)


def test_bytes_that_a_reading_left_stay_with_the_parent(namespace: Path) -> None:
    """No byte is doubled: they come with its next reading."""
    with (
        memlane.open_channel("wire", memlane.CHAN_R, 8) as reader,
        memlane.open_channel("wire", memlane.CHAN_W) as writer,
    ):
        writer.write(b"12345678")
        with pytest.raises(memlane.Timeout):  # more than the channel can hold: so it took what was there
            reader.read_bytes(9, 0.01)

        def read() -> None:
            with pytest.raises(memlane.OwnershipLost):
                reader.read_bytes(2, 0)
            with pytest.raises(memlane.OwnershipLost):
                reader.peek(2, 0)

        answer_of_child(read)

        assert reader.read_bytes(8, 0) == b"12345678"


# -- what another thread of the parent holds at the fork -----------------------------------------------------------

Counter = Buffer.make_type("counter", [Parameter("count", ctypes.c_int32, 0)])


class Halt:
    """A thread that comes here stops, until the block ends."""

    def __init__(self) -> None:
        self._is_here, self._may_go = threading.Event(), threading.Event()

    def stop(self) -> None:
        """Stop, the first time."""
        if not self._is_here.is_set():
            self._is_here.set()
            self._may_go.wait(PATIENCE_SECONDS)

    @contextlib.contextmanager
    def held(self, function: Callable[[], object]) -> Iterator[None]:
        """Run the block while a thread that runs the function has stopped here."""
        thread = threading.Thread(target=function)
        thread.start()
        assert self._is_here.wait(PATIENCE_SECONDS)
        try:
            yield
        finally:
            self._may_go.set()
            thread.join()


@pytest.mark.parametrize("use", ["close", "stop", "start", "fileno"])
def test_child_uses_a_dispatcher_to_which_its_parent_was_adding(namespace: Path, use: str) -> None:
    """Nobody is left in the child who would give back the lock of that moment."""
    halt = Halt()

    class Size:
        def __lt__(self, other: int) -> bool:
            return False

        def __index__(self) -> int:
            halt.stop()
            return 64

    with (
        memlane.HostFunctionDispatcher() as dispatcher,
        halt.held(lambda: dispatcher.add("length", len, max_sz_args=Size())),  # type: ignore[arg-type]
    ):
        answer_of_child(lambda: getattr(dispatcher, use)() and None)


def test_child_makes_a_mutex_while_its_parent_was_making_one(namespace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All mutexes of a namespace share a place in it, which one thread makes for all."""
    halt = Halt()

    def stop_and_take_a_place(directory: bytes) -> object:
        halt.stop()
        return Participation(directory)

    def use_one() -> bool:
        mutex = memlane.sync.Mutex()
        mutex.initialize()
        with mutex:
            return mutex.recovered

    monkeypatch.setattr("memlane._native.sync.Participation", stop_and_take_a_place)

    with halt.held(use_one):
        assert answer_of_child(use_one) is False


def begin_to_count(buffer: Buffer, halt: Halt) -> None:
    """Stop in a transaction that has changed the count to 2."""
    with buffer.transaction():
        buffer.set("count", 2)
        halt.stop()


def count_further(buffer: Buffer) -> object:
    """Add 10 to the count, at once."""
    with buffer.transaction(timeout=0):
        buffer.set("count", buffer.get("count") + 10)
    return buffer.get("count")


def test_child_drops_what_another_thread_of_its_parent_began_in_a_local_buffer() -> None:
    """It is no transaction of the child's, and nobody would end it."""
    halt = Halt()
    with Counter.attach() as buffer:
        buffer.valid = True
        buffer.set("count", 1)

        with halt.held(lambda: begin_to_count(buffer, halt)):
            assert answer_of_child(lambda: count_further(buffer)) == 11
        assert buffer.get("count") == 2


def test_child_goes_on_with_a_local_transaction_of_its_own_thread() -> None:
    """It was forked in the midst, and ends it as its parent does."""
    with Counter.attach() as buffer:
        buffer.valid = True
        buffer.set("count", 1)

        with buffer.transaction():
            buffer.set("count", 2)

            assert answer_of_child(lambda: count_further(buffer)) == 12
        assert buffer.get("count") == 2


def test_thread_of_a_child_goes_on_with_no_local_transaction_of_another_thread() -> None:
    """The system gives it the number of the thread that began one in the parent, and that the child does not have."""
    halt = Halt()
    numbers = []
    with Counter.attach() as buffer:
        buffer.valid = True
        buffer.set("count", 1)

        def begin() -> None:
            numbers.append(threading.get_ident())
            begin_to_count(buffer, halt)

        def look() -> tuple[object, object]:
            return answer_of_child(lambda: buffer.get("count")), buffer.get("count")

        with halt.held(begin):
            assert answer_of_child(lambda: answer_of_thread(numbers[0], look)) == (1, 1)


def answer_of_thread(number: int, function: Callable[[], object]) -> object:
    """Run a function in a new thread that has this number: as soon as others have taken the other free ones."""
    answers: list[object] = []
    over = threading.Event()

    def run() -> None:
        if threading.get_ident() == number:
            answers.append(function())
        else:
            over.wait(PATIENCE_SECONDS)

    threads = [threading.Thread(target=run) for _ in range(64)]
    for thread in threads:
        thread.start()
    over.set()
    for thread in threads:
        thread.join()
    return answers[0]


def test_thread_that_comes_first_in_a_child_leaves_a_local_transaction_alone() -> None:
    """The thread that was forked in the midst of it may come later."""
    with Counter.attach() as buffer:
        buffer.valid = True
        buffer.set("count", 1)

        def try_to_begin() -> None:
            with pytest.raises(memlane.Timeout), buffer.transaction(timeout=0):
                pass

        def come_later() -> object:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(try_to_begin).result(PATIENCE_SECONDS)
            return count_further(buffer)

        with buffer.transaction():
            buffer.set("count", 2)
            assert answer_of_child(come_later) == 12
        assert buffer.get("count") == 2


def test_first_threads_of_a_child_get_one_value() -> None:
    """With a lock each, both would be inside."""
    others: list[object] = []

    def make() -> object:
        if os.getpid() != parent and not others:  # another thread is faster
            thread = threading.Thread(target=lambda: others.append(value.here()))
            others.append(None)
            thread.start()
            thread.join()
        return object()

    parent = os.getpid()
    value = PerProcess(make)

    assert answer_of_child(lambda: value.here() is others[1])


def test_block_that_forks_gives_back_what_it_took_on_both_sides() -> None:
    """Whoever comes later would wait for ever."""
    lock = PerProcess(threading.RLock)

    def is_free() -> bool:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lock.here().acquire, blocking=False).result(PATIENCE_SECONDS)

    with lock.here(), Child(is_free) as child:
        assert child.answer()
    assert is_free()


def test_handler_of_fork_that_was_there_before_memlane_finds_the_child_of_its_own() -> None:
    """A program reopens its things in such a handler, and may close ours."""
    program = (
        "import os, threading\n"
        "found = []\n"
        "os.register_at_fork(after_in_child=lambda: found.append(lock.here().locked()))\n"
        "from memlane._native.fork import PerProcess\n"
        "lock = PerProcess(threading.Lock)\n"
        "lock.here().acquire()\n"
        "if (child := os.fork()) == 0:\n"
        "    os._exit(found != [False])\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )

    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


# -- descendants that have the number of an ancestor ---------------------------------------------------------------


def answer_of_namesake(halt: Halt, begin: Callable[[], object], use: Callable[[], object]) -> Any:
    """Run a function in a process with the number of its grandparent, which died while a thread of it was halted."""
    ended, end = os.pipe()
    answered, answer = os.pipe()

    def live() -> None:
        number = os.getpid()
        with halt.held(begin):
            storm.fork(lambda: beget(number))
            os._exit(0)

    def beget(number: int) -> None:
        os.read(ended, 1)
        with open("/proc/sys/kernel/ns_last_pid", "w") as last:
            last.write(str(number - 1))
        os.write(answer, pickle.dumps(answer_of_child(lambda: (os.getpid() == number, use()))))

    def run() -> Any:
        mount("proc", "/proc")
        assert os.waitpid(storm.fork(live), 0)[1] == 0
        os.write(end, b"!")
        assert os.wait()[1] == 0  # the orphan is ours
        return pickle.loads(os.read(answered, 1000))

    try:
        return answer_of_isolated_child(unshare_mounts, run, new_pids=True)
    finally:
        for descriptor in (ended, end, answered, answer):
            os.close(descriptor)


def test_namesake_of_a_process_has_locks_of_its_own() -> None:
    """Hazard 6: pids come round; what a dead process held, its descendant must not find held for ever."""
    halt = Halt()
    lock = PerProcess(threading.RLock)

    def hold() -> None:
        with lock.here():
            halt.stop()

    assert answer_of_namesake(halt, hold, lambda: lock.here().acquire(blocking=False)) == (True, True)


def test_namesake_of_a_process_drops_what_that_began_in_a_local_buffer() -> None:
    """Nobody would end it."""
    halt = Halt()
    with Counter.attach() as buffer:
        buffer.valid = True
        buffer.set("count", 1)

        answer = answer_of_namesake(halt, lambda: begin_to_count(buffer, halt), lambda: count_further(buffer))

    assert answer == (True, 11)


def test_namesake_of_a_process_waits_for_none_of_its_tasks() -> None:
    """None of them would end its turn."""
    halt = Halt()
    turns = Turns()

    async def take_a_turn() -> None:
        assert await turns.take(None) is not None
        halt.stop()

    assert answer_of_namesake(halt, lambda: asyncio.run(take_a_turn()), lambda: turns.are_free) == (True, True)


# -- what tasks and threads of the parent are in at the fork -------------------------------------------------------


def closed_in_a_child(close: Callable[[], None]) -> Child:
    """Start a child that closes an endpoint, and lives on until it is killed."""

    def close_and_stay() -> None:
        close()
        signal.pause()

    return Child(close_and_stay)


def test_child_gives_back_an_endpoint_that_its_parent_polls(variable: HostVariable) -> None:
    """Nobody in the child ends the poll of a task that it does not have."""
    with Poll(variable), closed_in_a_child(variable.close):
        wait_until(lambda: variable.stats().live_participants == 1, "the child has closed its endpoint")


def test_child_leaves_the_poll_of_its_parent_alone(variable: HostVariable) -> None:
    """It is forked in the midst of one, and leaves it too."""
    with Poll(variable) as descriptor:

        def leave_and_go_on() -> Any:
            polls.close()
            variable.data = "from the child"
            return variable.data

        with contextlib.ExitStack() as polls:
            polls.enter_context(Poll(variable))
            answer = answer_of_child(leave_and_go_on)

        assert (answer, select.select([descriptor], [], [], PATIENCE_SECONDS)[0]) == ("from the child", [descriptor])


def test_child_gives_back_the_functions_that_its_parent_serves(namespace: Path) -> None:
    """The threads that serve are the parent's; none of them would let the functions go."""
    with memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("length", len)
        with memlane.HostFunctionCaller("length") as caller:
            dispatcher.start()
            assert caller.call("four") == 4
        with closed_in_a_child(dispatcher.close):
            wait_until(lambda: dispatcher.stats()["length"].live_participants == 1, "the child has closed its own")


@pytest.mark.parametrize("served_by", ["threads", "tasks"])
@pytest.mark.parametrize("end", ["returns", "raises", "closes"])
def test_child_that_was_forked_in_a_callback_writes_no_response(namespace: Path, served_by: str, end: str) -> None:
    """It leaves the callback after its parent, whose response the caller has not read yet."""
    parent = os.getpid()
    ready, go = os.pipe()
    children = []

    def fork() -> str:
        pid = os.fork()
        if pid != 0:
            children.append(pid)
            return "from the parent"
        end_by_itself()
        os.read(ready, 1)
        if end == "raises":
            raise ValueError("from the child, and longer")
        if end == "closes":
            dispatcher.close()
        return "from the child, and longer"

    def serve() -> None:
        try:
            asyncio.run(dispatcher.serve_async()) if served_by == "tasks" else dispatcher.serve_forever()
        finally:
            if os.getpid() != parent:
                os._exit(0)

    with memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("fork", fork)
        thread = threading.Thread(target=serve)
        thread.start()
        with memlane.HostFunctionCaller("fork", timeout=PATIENCE_SECONDS) as caller:
            pending = caller()
            assert memlane.wait([caller], PATIENCE_SECONDS) == [caller]
            os.write(go, b"!")
            os.waitpid(children[0], 0)

            assert pending.result() == "from the parent"
            assert (caller.is_served, dispatcher.stats()["fork"].served) == (True, 1)
        dispatcher.stop()
        thread.join()
    os.close(ready)
    os.close(go)


@ASYNCIO_LOOPS
@pytest.mark.usefixtures("what_loops_keep")
def test_child_that_leaves_the_loop_leaves_its_parents_service_alone(namespace: Path, run: Run) -> None:
    """It was forked in a task, and its loop is over the parent's epoll: what it takes out of that, nobody is told."""
    parent = os.getpid()

    async def program() -> Any:
        with (
            memlane.HostFunctionDispatcher() as dispatcher,
            memlane.HostFunctionCaller("length", timeout=PATIENCE_SECONDS) as caller,
        ):
            dispatcher.add("length", len)
            serving = asyncio.create_task(dispatcher.serve_async())
            before = await caller.call_async("four")
            fork_and_leave()
            after = await caller.call_async("five5")
            dispatcher.stop()
            await serving
            return before, after

    try:
        assert run(program) == (4, 5)
    finally:
        if os.getpid() != parent:
            os._exit(0)


def test_child_waits_in_trio_for_a_descriptor_for_which_its_parent_waits(namespace: Path) -> None:
    """Its thread may have the number of the parent's, whose task would have told it."""
    event = os.eventfd(0)
    waits = threading.Event()

    async def wait_for_it() -> bool:
        return await wait_until_readable(event, PATIENCE_SECONDS)

    async def wait_and_tell() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_it)
            await trio.testing.wait_all_tasks_blocked()
            waits.set()

    def wait_in_a_thread() -> bool:
        os.eventfd_write(event, 1)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(trio.run, wait_for_it).result()

    thread = threading.Thread(target=trio.run, args=(wait_and_tell,))
    thread.start()
    assert waits.wait(PATIENCE_SECONDS)

    assert answer_of_child(wait_in_a_thread) is True
    thread.join()
    os.close(event)


def test_child_rings_no_task_of_its_parent(namespace: Path, tmp_path: Path) -> None:
    """What rang them may be a file of the child by now: a daemon closes all that it inherited."""
    files = [tmp_path / str(number) for number in range(100)]

    def stop_among_files() -> None:
        os.closerange(3, 200)
        streams = [file.open("wb") for file in files]
        dispatcher.stop()
        assert len(streams) == len(files)

    async def serve() -> None:
        serving = asyncio.create_task(dispatcher.serve_async())
        await asyncio.sleep(0)
        with Child(stop_among_files) as child:
            child.join()
        dispatcher.stop()
        await serving

    with memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("length", len)
        asyncio.run(serve())

    assert {file.stat().st_size for file in files} == {0}

"""Threads of one process that share an endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import (
    CHAN_R,
    CHAN_W,
    EndpointBusy,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    open_channel,
)
from memlane.buffer import Buffer, Parameter
from memlane.sync import Mutex, SyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from memlane.listener import Listener

WRITES = 3_000


@pytest.fixture(autouse=True)
def frequent_switches() -> Iterator[None]:
    """Let threads take turns a thousand times more often than usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(interval)


def run_together(*functions: Callable[[], object]) -> None:
    """Start all functions at the same moment, each in a thread, and raise what any of them raised."""
    barrier = threading.Barrier(len(functions))
    failures: list[BaseException] = []

    def run(function: Callable[[], object]) -> None:
        barrier.wait()
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def write_numbers(variable: HostVariable, writer: int) -> None:
    """Write tuples that say how many there are of each number."""
    for number in range(WRITES):
        variable.data = (writer, number, bytes([number % 256]) * (number % 500))


def check_value(value: Any) -> None:
    """Fail on a value that is not one of those of `write_numbers`."""
    _writer, number, content = value
    assert content == bytes([number % 256]) * (number % 500)


@pytest.mark.slow
@pytest.mark.parametrize("endpoints", [1, 2], ids=["one endpoint", "an endpoint each"])
def test_threads_write_and_read_whole_values(namespace: Path, endpoints: int) -> None:
    """Threads may share an endpoint; nobody sees half of a value, no write is lost from the count."""
    with HostVariable("pose", slots=8) as first, HostVariable("pose") as second:
        writer, reader = first, (first, second)[endpoints - 1]
        writer.data = (0, 0, b"")

        def read() -> None:
            last = 0
            for _ in range(WRITES):
                reading = reader.read()
                check_value(reading.value)
                assert reading.version >= last
                last = reading.version

        run_together(lambda: write_numbers(writer, 1), lambda: write_numbers(writer, 2), read, read)

        assert writer.stats().writes == 2 * WRITES + 1
        assert writer.stats().slots_writing == 0


@pytest.mark.slow
def test_threads_take_and_drop_views_while_others_write(namespace: Path) -> None:
    """Pins are counted by endpoint: threads must not release each other's."""
    with HostVariable("image", 40_000, slots=12) as variable:
        variable.data = np.zeros(4_000)

        def write() -> None:
            for number in range(WRITES):
                variable.data = np.full(4_000, float(number))

        def view() -> None:
            for _ in range(WRITES):
                try:
                    image = variable.view()
                except memlane.TooManyViews:
                    continue
                assert image[0] == image[-1] == image.mean()

        run_together(write, view, view, view)

        assert variable.stats().slots_pinned == 0


@pytest.mark.slow
def test_loans_of_threads_never_share_a_slot(namespace: Path) -> None:
    """D2: threads of one endpoint have one index, and yet a slot each."""
    with HostVariable("image", 4_000, slots=8) as variable:

        def fill(mark: int) -> None:
            for _ in range(WRITES // 3):
                with variable.loan(500, "i4") as place:
                    place[:] = mark
                    assert place.min() == place.max() == mark

        run_together(lambda: fill(1), lambda: fill(2), lambda: fill(3), lambda: write_numbers_of_arrays(variable))

        assert variable.stats().slots_writing == 0


def write_numbers_of_arrays(variable: HostVariable) -> None:
    """Write arrays beside the loans of others."""
    for number in range(WRITES // 3):
        variable.data = np.full(500, number, "i4")


@pytest.mark.slow
def test_closing_while_other_threads_work_ends_them_with_closed(namespace: Path) -> None:
    """The mapping goes when the last operation has ended; nobody reads unmapped memory."""
    for _ in range(100):
        variable = HostVariable("pose")
        variable.data = (0, 0, b"")
        started = threading.Barrier(4)

        def work(variable: HostVariable = variable, started: threading.Barrier = started) -> None:
            started.wait()
            with pytest.raises(memlane.Closed):
                while True:
                    variable.data = variable.data

        def close(variable: HostVariable = variable, started: threading.Barrier = started) -> None:
            started.wait()
            variable.close()

        run_together(work, work, work, close)
        assert variable.closed

    with open("/proc/self/maps") as maps:
        assert str(namespace) not in maps.read()


@pytest.mark.slow
def test_one_of_many_threads_gets_the_reading_of_a_channel(namespace: Path) -> None:
    """Two listeners would tear a stream apart, and the end of one would let everybody read beside the other."""
    listeners: list[Listener] = []

    def listen() -> None:
        with contextlib.suppress(EndpointBusy):
            listeners.append(reader.read_async(print))

    with open_channel("wire", CHAN_R, 64) as reader:
        for _ in range(10):
            run_together(*[listen] * 6)
            assert len(listeners) == 1
            listeners.pop().stop()


def test_endpoints_opened_and_closed_by_many_threads_leave_nothing(variable: HostVariable) -> None:
    """Opening is no operation of one endpoint: nothing may be shared by accident."""

    def open_and_close() -> None:
        for number in range(150):
            with HostVariable("pose") as endpoint:
                endpoint.data = number
                assert isinstance(endpoint.data, int)

    run_together(*[open_and_close] * 8)

    assert variable.stats().live_participants == 1
    assert variable.stats().writes == 8 * 150


@pytest.mark.slow
def test_creating_and_unlinking_threads_never_meet_half_an_object(namespace: Path) -> None:
    """Creation is atomic: an object is whole or is not there."""

    def create_and_unlink() -> None:
        for number in range(200):
            with HostVariable("pose", 100, slots=2, max_participants=16) as endpoint:
                endpoint.data = number
                try:
                    memlane.unlink("pose")
                except memlane.ObjectNotFound:
                    continue  # another thread was faster

    run_together(*[create_and_unlink] * 4)

    assert list(namespace.iterdir()) == []


def test_waiting_thread_lets_the_writing_one_run(namespace: Path) -> None:
    """A wait releases the GIL: a thread that waits must not stop the one that would write."""
    with HostVariable("pose") as variable:
        values: list[object] = []

        run_together(
            lambda: values.extend(variable.wait(timeout=30) for _ in range(1)),
            lambda: setattr(variable, "data", "written"),
        )

        assert values == ["written"]


@pytest.mark.slow
def test_each_response_is_collected_by_one_thread_and_told_to_all(namespace: Path) -> None:
    """A call is its threads' together: the first who sees the response ends it, the others get it from them."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("f", 100, 100) as caller:
        dispatcher.add("f", lambda number: number + 1, 100, 100)
        dispatcher.start()
        for number in range(200):
            call = caller(number)
            results: list[int] = []

            def collect(call: memlane.PendingCall = call, results: list[int] = results) -> None:
                results.append(call.result())

            run_together(collect, collect, collect)

            assert results == [number + 1] * 3


def test_each_kept_response_goes_to_one_thread(namespace: Path) -> None:
    """Threads that call and collect by one caller lose no response and get none twice."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("f", 100, 100) as caller:
        dispatcher.add("f", lambda number: number, 100, 100)
        dispatcher.start()
        results: list[int] = []

        def call(first: int) -> None:
            for number in range(first, first + 300):
                caller(number)
                results.append(caller.get_response())

        run_together(lambda: call(0), lambda: call(300), lambda: call(600))

        assert sorted(results) == list(range(900))


@pytest.mark.slow
def test_loops_of_threads_share_the_lane_for_calls_of_tasks(namespace: Path) -> None:
    """Where there is room for one of them, the thread that comes second must not open another."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("f", lambda number: number, 100, 100, lanes=2)
        dispatcher.start()
        for _ in range(20):
            with HostFunctionCaller("f", 100, 100) as caller:

                def call(caller: HostFunctionCaller = caller) -> None:
                    assert asyncio.run(caller.call_async(1)) == 1

                run_together(call, call, call)


@pytest.mark.slow
def test_calls_of_threads_end_with_closed_when_another_closes_the_caller(namespace: Path) -> None:
    """What the close takes back is over for who waits for it, at whatever moment that is."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("f", lambda number: number, 100, 100)
        dispatcher.start()
        for _ in range(50):
            caller = HostFunctionCaller("f", 100, 100)
            called = threading.Event()

            def work(caller: HostFunctionCaller = caller, called: threading.Event = called) -> None:
                with pytest.raises(memlane.Closed):
                    while True:
                        caller(1).result()
                        called.set()

            def close(caller: HostFunctionCaller = caller, called: threading.Event = called) -> None:
                called.wait()
                caller.close()

            run_together(work, work, close)


@pytest.mark.slow
def test_memory_of_a_mutex_is_given_back_when_no_thread_uses_it(namespace: Path) -> None:
    """Whoever is in the midst of taking it when another closes it must not touch memory that is gone."""
    for _ in range(100):
        memory = bytearray(Mutex.SIZE)
        mutex = Mutex(memory, shared=False)
        mutex.initialize()
        taken = threading.Event()

        def work(mutex: Mutex = mutex, taken: threading.Event = taken) -> None:
            with pytest.raises(memlane.Closed):
                while True:
                    with contextlib.suppress(SyncError):  # the other thread has it
                        mutex.acquire(timeout=0)
                        taken.set()
                        mutex.release()

        def close(mutex: Mutex = mutex, taken: threading.Event = taken) -> None:
            taken.wait()
            mutex.close()

        run_together(work, work, close)

        memory.clear()  # a BufferError where it is exported still


@pytest.mark.slow
def test_threads_share_what_a_failed_reading_left(namespace: Path) -> None:
    """D25: its bytes come first, each of them once."""
    content = bytes(range(256)) * 8
    with open_channel("c", CHAN_W, 4096) as writer, open_channel("c", CHAN_R) as reader:
        for _ in range(20):
            writer.write(content)
            with pytest.raises(memlane.Timeout):
                reader.read_bytes(len(content) + 1, timeout=0.001)
            pieces: list[bytes] = []

            def take(pieces: list[bytes] = pieces) -> None:
                buffer = bytearray(7)
                while count := reader.read(buffer, 7):
                    pieces.append(bytes(buffer[:count]))
                    assert reader.position >= count

            run_together(take, take, take)

            assert sorted(b"".join(pieces)) == sorted(content)


def test_threads_look_at_a_local_buffer_while_others_change_it() -> None:
    """A record is read whole, and only where it still is."""
    numbers = Buffer.make_type("numbers", [Parameter("number", Parameter.parse_ctype("uint32"), 0)])
    buffer = numbers.attach()
    buffer.valid = True

    def add() -> None:
        for _ in range(500):
            with buffer.transaction():
                buffer.set("number", buffer.get("number") + 1)

    def look() -> None:
        last = 0
        for _ in range(1_000):
            number = buffer.get("number")
            assert number >= last
            last = number

    def wait() -> None:
        for _ in range(500):
            with contextlib.suppress(memlane.Timeout):
                buffer.wait(timeout=0)

    run_together(add, add, look, wait, wait)

    assert buffer.get("number") == 1_000


@pytest.mark.slow
def test_maps_are_closed_while_threads_export_their_memory(namespace: Path) -> None:
    """An export keeps the memory; where there is none any more, the close takes it away and no export begins."""
    for _ in range(50):
        mapping = memlane.UnsafeSharedMMap("m", 4096)
        exported = threading.Event()

        def work(mapping: memlane.UnsafeSharedMMap = mapping, exported: threading.Event = exported) -> None:
            with pytest.raises(memlane.Closed):
                while True:
                    with memoryview(mapping) as view:
                        assert view[0] == 0
                    exported.set()

        def close(mapping: memlane.UnsafeSharedMMap = mapping, exported: threading.Event = exported) -> None:
            exported.wait()
            mapping.close()

        run_together(work, work, close)


def read_and_write(mapping: memlane.UnsafeSharedMMap) -> None:
    """Use a map in each of the ways that touch its memory."""
    assert mapping[:60_000].count(0) == 60_000
    assert mapping[60_000] == 0
    mapping[:8] = bytes(8)
    mapping[8] = 0
    mapping.seek(0)
    mapping.write(bytes(1_000))
    assert mapping.find(b"x") == -1
    assert set(mapping.read(1_000)) <= {0}
    mapping.move(0, 1_000, 1_000)
    assert len(mapping) == mapping.size() >= mapping.tell()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [memlane.UnsafeSharedMMap, memlane.SharedMMap, memlane.RWSharedMMap])
def test_maps_are_closed_while_threads_read_and_write_them(
    namespace: Path, kind: type[memlane.UnsafeSharedMMap]
) -> None:
    """Nobody touches memory that is gone, and no error speaks of a lock that the thread has, or of `mmap`."""

    def to_use(mapping: memlane.UnsafeSharedMMap) -> contextlib.AbstractContextManager[object]:
        if isinstance(mapping, memlane.RWSharedMMap):
            return mapping.lock_write()
        return mapping.lock() if isinstance(mapping, memlane.SharedMMap) else contextlib.nullcontext()

    for _ in range(50):
        mapping = kind("m", 1 << 16)
        used = threading.Event()

        def work(mapping: memlane.UnsafeSharedMMap = mapping, used: threading.Event = used) -> None:
            with pytest.raises(memlane.Closed):
                while True:
                    with to_use(mapping):
                        read_and_write(mapping)
                    used.set()

        def close(mapping: memlane.UnsafeSharedMMap = mapping, used: threading.Event = used) -> None:
            used.wait()
            mapping.close()

        run_together(work, work, close)

"""Polling channels, functions and shares: each descriptor says whether the next operation would return at once."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import (
    CHAN_R,
    CHAN_W,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    RWSharedMMap,
    SharedAssign,
    SharedMMap,
    UnsafeSharedMMap,
    open_channel,
)
from tests.children import Child
from tests.peer import PATIENCE_SECONDS, process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


def is_readable(endpoint: Any, timeout: float = 0) -> bool:
    """Ask as most programs do."""
    return select.select([endpoint], [], [], timeout)[0] == [endpoint]


def test_reader_is_readable_while_bytes_are_there(namespace: Path) -> None:
    """As a pipe is."""
    with open_channel("wire", CHAN_R) as reader, open_channel("wire", CHAN_W) as writer:
        assert not is_readable(reader)

        for _ in range(10):
            writer.write(b"four")

            assert is_readable(reader, PATIENCE_SECONDS)
            assert reader.read_bytes(3) == b"fou"
            assert is_readable(reader, PATIENCE_SECONDS)
            assert reader.read_bytes(1) == b"r"
            assert not is_readable(reader)


def test_reader_is_readable_while_it_keeps_what_an_earlier_reading_took(namespace: Path) -> None:
    """They are returned by the next reading, so nobody may sleep until more come."""
    with open_channel("wire", CHAN_R, 8) as reader, open_channel("wire", CHAN_W) as writer:
        writer.write(b"12345678")
        with pytest.raises(memlane.Timeout):
            reader.read_bytes(9, timeout=0)

        assert memlane.wait([reader], 0) == [reader]
        assert is_readable(reader)
        assert reader.read_bytes(7) == b"1234567"
        assert is_readable(reader)
        assert reader.read_bytes(1) == b"8"
        assert not is_readable(reader)
        assert memlane.wait([reader], 0) == []


def test_reader_is_readable_for_no_fewer_bytes_than_another_thread_waits_for(namespace: Path) -> None:
    """Its turn lasts until they are there: whoever asked meanwhile would only ask again."""
    got: list[bytes] = []
    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:
        writer.write(bytes(20))
        assert is_readable(reader)
        thread = threading.Thread(target=lambda: got.append(reader.read_bytes(50, timeout=PATIENCE_SECONDS)))
        thread.start()
        wait_until(lambda: not is_readable(reader), "the thread sleeps")

        writer.write(bytes(40))

        thread.join()
        assert got == [bytes(50)]
        assert is_readable(reader, PATIENCE_SECONDS)
        assert reader.read_bytes(10, timeout=0) == bytes(10)
        assert not is_readable(reader)


def test_reader_is_readable_again_once_another_thread_gave_up(namespace: Path) -> None:
    """What was too little for that thread is there for the others."""
    was_seen = threading.Event()

    def read() -> None:
        while not was_seen.is_set():
            with pytest.raises(memlane.Timeout):
                reader.read_bytes(50, timeout=0.2)

    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:
        writer.write(bytes(20))
        thread = threading.Thread(target=read)
        thread.start()
        wait_until(lambda: not is_readable(reader), "the thread sleeps")
        was_seen.set()

        assert is_readable(reader, PATIENCE_SECONDS)

        thread.join()
        assert reader.read_bytes(20, timeout=0) == bytes(20)


def test_writer_is_readable_while_there_is_room(namespace: Path) -> None:
    """Its descriptor says when to go on; it is one that is read, as of every endpoint."""
    with open_channel("wire", CHAN_W, 4) as writer, open_channel("wire", CHAN_R) as reader:
        assert is_readable(writer)
        writer.write(b"full")
        assert not is_readable(writer)

        reader.read_bytes(2)

        assert is_readable(writer, PATIENCE_SECONDS)


@pytest.mark.parametrize(("mine", "theirs"), [(CHAN_R, CHAN_W), (CHAN_W, CHAN_R)])
def test_closed_opposite_end_wakes_who_polls(namespace: Path, mine: int, theirs: int) -> None:
    """The next operation says that the stream is over."""
    with open_channel("wire", mine, 1) as end, open_channel("wire", theirs) as other:
        if mine == CHAN_W:
            end.write(b"1")
        assert not is_readable(end)

        other.close()

        assert is_readable(end, PATIENCE_SECONDS)


def test_dead_writer_wakes_who_polls_for_bytes(namespace: Path) -> None:
    """A reader must not sleep for ever beside a corpse, and stays readable until it has learned of it."""
    ready = HostVariable("ready", 64)

    def write_and_stay() -> None:
        writer = open_channel("wire", CHAN_W)
        ready.data = writer.write(b"last")
        select.select([], [], [])

    with ready, open_channel("wire", CHAN_R) as reader, Child(write_and_stay) as child:
        ready.wait(timeout=PATIENCE_SECONDS)
        assert reader.read_bytes(4) == b"last"
        assert not is_readable(reader)

        child.kill()

        assert is_readable(reader, PATIENCE_SECONDS)
        with pytest.raises(memlane.OppositeEndClosedError):
            reader.read_bytes(1)
        assert is_readable(reader)


def test_caller_is_readable_while_a_response_can_be_collected(namespace: Path) -> None:
    """Calls can be sent, and their results be waited for in a loop of one's own."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("double") as caller:
        dispatcher.add("double", lambda number: 2 * number)
        assert not is_readable(caller)
        dispatcher.start()

        for number in range(10):
            caller(number)

            assert is_readable(caller, PATIENCE_SECONDS)
            assert caller.get_response() == 2 * number
            assert not is_readable(caller)


def test_dispatcher_is_readable_while_a_call_waits(namespace: Path) -> None:
    """Of whichever of its functions."""
    with HostFunctionDispatcher() as dispatcher:
        for name in ("one", "two"):
            dispatcher.add(name, lambda: None)
        assert not is_readable(dispatcher)
        with HostFunctionCaller("two") as caller:
            pending = caller()
            assert is_readable(dispatcher, PATIENCE_SECONDS)
            assert memlane.wait([dispatcher], PATIENCE_SECONDS) == [dispatcher]

            dispatcher.start()
            assert pending.result(PATIENCE_SECONDS) is None

            wait_until(lambda: not is_readable(dispatcher), "nothing waits any more")
            assert memlane.wait([dispatcher], 0) == []


def test_function_that_is_added_later_makes_its_dispatcher_readable(namespace: Path) -> None:
    """Event loops ask for the descriptor once."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("later") as caller:
        descriptor = dispatcher.fileno()

        dispatcher.add("later", lambda: None)
        caller()

        assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0] == [descriptor]


def by_epoll(descriptor: int, timeout: float) -> bool:
    """Ask without the limit of select."""
    with select.epoll() as epoll:
        epoll.register(descriptor, select.EPOLLIN)
        return bool(epoll.poll(timeout))


@pytest.fixture(params=[UnsafeSharedMMap, SharedMMap, RWSharedMMap])
def shm(namespace: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a map of each class."""
    with request.param("map", 16384) as opened:
        yield opened


def locked(shm: Any) -> AbstractContextManager[object]:
    """Return the lock under which everything is allowed."""
    if isinstance(shm, RWSharedMMap):
        return shm.lock_write()
    return shm.lock() if isinstance(shm, SharedMMap) else contextlib.nullcontext()


def test_map_has_nothing_to_take(shm: Any) -> None:
    """A loop may poll it beside others, and is never told of what is written to it."""
    descriptor = shm.fileno()
    with UnsafeSharedMMap("map", None, create=False) as other:
        other.write(b"bytes")

    assert shm.fileno() == descriptor
    assert not is_readable(shm)
    assert not by_epoll(descriptor, 0)
    assert memlane.wait([shm], 0) == []


def test_closing_a_map_wakes_who_polls(shm: Any) -> None:
    """A thread in select must learn that nothing will come any more."""
    with HostVariable("beside") as variable:
        descriptor = shm.fileno()
        seen: list[object] = []
        pollers = [
            threading.Thread(target=lambda: seen.append(by_epoll(descriptor, PATIENCE_SECONDS))),
            threading.Thread(target=lambda: seen.append(memlane.wait([variable, shm], PATIENCE_SECONDS) == [shm])),
        ]
        for poller in pollers:
            poller.start()
            wait_until(partial(is_asleep, poller), "the thread sleeps")

        shm.close()

        for poller in pollers:
            poller.join()
    assert seen == [True, True]
    with pytest.raises(memlane.Closed, match="map 'map': this endpoint was closed"):
        shm.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def is_asleep(thread: threading.Thread) -> bool:
    """Ask the kernel."""
    return process_state(os.getpid(), thread.native_id) == "S"


def test_forked_child_has_a_descriptor_of_a_map_of_its_own(shm: Any) -> None:
    """What the child closes is still open to the parent."""
    descriptor = shm.fileno()
    inode = os.fstat(descriptor).st_ino

    def child() -> tuple[bool, bool]:
        is_another = os.fstat(shm.fileno()).st_ino != inode
        shm.close()
        return is_another, shm.closed

    with Child(child) as forked:
        assert forked.answer() == (True, True)
    assert shm.fileno() == descriptor
    assert not is_readable(shm)


def test_descriptor_of_a_map_takes_no_bytes(shm: Any) -> None:
    """Programs hand files to what writes to descriptors: it must fail, and not lose what was written."""
    with pytest.raises(OSError, match="not connected"):
        os.write(shm.fileno(), bytes(8))

    assert not is_readable(shm)


@pytest.mark.parametrize("count", [1, 1000])
def test_numpy_refuses_a_map_that_it_takes_for_a_file(shm: Any, count: int) -> None:
    """An array of 8 bytes is what an eventfd takes."""
    with locked(shm):
        with pytest.raises(OSError, match="position"):
            np.arange(count).tofile(shm)
        with pytest.raises(OSError, match="position"):
            np.fromfile(shm, np.uint8, count)

        np.save(shm, np.arange(count))
        shm.seek(0)
        assert np.array_equal(np.load(shm), np.arange(count))
    assert not is_readable(shm)


@pytest.mark.parametrize("count", [0, 1])
def test_closing_a_dispatcher_wakes_who_polls_it(namespace: Path, count: int) -> None:
    """Its functions may be closed, and forgotten by the descriptor, before the thread in select looks again."""
    seen: list[list[int]] = []
    for _ in range(20):
        dispatcher = HostFunctionDispatcher()
        for number in range(count):
            dispatcher.add(f"function{number}", lambda: None)
        descriptor = dispatcher.fileno()
        poller = threading.Thread(
            target=lambda polled: seen.append(select.select([polled], [], [], PATIENCE_SECONDS)[0]), args=(descriptor,)
        )
        poller.start()
        wait_until(
            lambda thread=poller: process_state(os.getpid(), thread.native_id) == "S",  # type: ignore[misc]
            "the thread sleeps in select",
        )

        dispatcher.close()

        poller.join()
        assert seen.pop() == [descriptor]
        dispatcher.close()  # closes nothing a second time


def test_forked_child_does_not_wake_who_polls_the_parents_dispatcher(namespace: Path) -> None:
    """Both have the same descriptor until the child makes its own."""
    with HostFunctionDispatcher() as dispatcher:
        descriptor = dispatcher.fileno()

        with Child(dispatcher.close) as child:
            child.answer()

        assert select.select([descriptor], [], [], 0)[0] == []


def test_wait_takes_endpoints_of_every_kind(namespace: Path) -> None:
    """Beside each other, in the order in which they are given."""
    with (
        HostVariable("pose") as variable,
        open_channel("wire", CHAN_R) as reader,
        open_channel("wire", CHAN_W) as writer,
        SharedAssign("share", 64, "get") as taker,
        SharedAssign("share", 64, "put") as giver,
        HostFunctionCaller("function") as caller,
        HostFunctionDispatcher() as dispatcher,
    ):
        dispatcher.add("function", lambda: 1)
        everything: list[Any] = [variable, reader, writer, taker, caller, dispatcher]
        assert memlane.wait(everything, 0) == [writer]

        giver.put(1)
        variable.data = 2
        caller()
        writer.write(b"3")

        assert memlane.wait(everything, 0) == [variable, reader, writer, taker, dispatcher]
        dispatcher.start()
        assert memlane.wait([caller], PATIENCE_SECONDS) == [caller]


def test_share_that_another_took_is_not_readable_any_more(namespace: Path) -> None:
    """Who was told, and came second, must not be told again and again."""
    with SharedAssign("share", 64, "get") as first, SharedAssign("share", 64, "get") as second:
        second.fileno()
        with SharedAssign("share", 64, "put") as giver:
            giver.put(1)
        assert is_readable(second, PATIENCE_SECONDS)
        assert first.get() == 1

        with pytest.raises(memlane.Timeout):
            second.get(0)

        assert not is_readable(second)


def test_forked_child_polls_for_its_own_responses(namespace: Path) -> None:
    """The parent's responses are the parent's."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("pid") as caller:
        dispatcher.add("pid", lambda number: number)
        dispatcher.start()
        caller.fileno()

        def child() -> tuple[bool, object]:
            pending = caller(os.getpid())
            return is_readable(caller, PATIENCE_SECONDS), pending.result() == os.getpid()

        with Child(child) as forked:
            assert forked.answer() == (True, True)
        assert not is_readable(caller)

"""Shares between processes that are killed, and how much memory they take."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import NumpyShare, SharedAssign
from tests.children import Child, answer_of_child
from tests.peer import Link, Peer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = os.sysconf("SC_PAGESIZE")


def resident_bytes() -> int:
    """Return the memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


# -- the document's example -------------------------------------------------------------------------------------


def segment_clouds(link: Link) -> None:
    """Play the document's segmentator."""
    cloud_share = NumpyShare("/cloud_share", "5M", "get")
    label_share = NumpyShare("/label_share", "5M", "put")
    link.send("open")
    while True:
        cloud = cloud_share.get()
        label_share.put((cloud[:, 2] > 0).astype(np.uint8))


def test_example_of_the_document_runs_as_it_stands(namespace: Path) -> None:
    """A cloud there, labels back."""
    random = np.random.default_rng(5)
    with Peer(segment_clouds) as segmentator:
        segmentator.receive()
        with NumpyShare("/cloud_share", "5M", "put") as cloud_share, NumpyShare("/label_share", "5M", "get") as labels:
            for _ in range(20):
                cloud = random.normal(size=(150_000, 4)).astype(np.float32)
                cloud_share.put(cloud)
                assert np.array_equal(labels.get(), cloud[:, 2] > 0)


# -- death ------------------------------------------------------------------------------------------------------


def put_and_stay(link: Link) -> None:
    """Put one value and wait for the end."""
    SharedAssign("pose", "1K", "put").put("last words")
    link.send("done")
    link.receive()


def test_value_survives_the_kill_of_its_giver(namespace: Path) -> None:
    """It was given."""
    with Peer(put_and_stay) as giver:
        giver.receive()
        giver.kill()

    with SharedAssign("pose", "1K", "get") as taker:
        assert taker.get(timeout=0) == "last words"


def wait_for_a_value(link: Link) -> None:
    """Wait for what never comes."""
    taker = SharedAssign("pose", "1K", "get")
    link.send("waits")
    taker.get()


def test_value_waits_for_the_successor_of_a_killed_taker(namespace: Path) -> None:
    """A segmentation process that crashed is started anew."""
    with Peer(wait_for_a_value) as taker, SharedAssign("pose", "1K", "put") as giver:
        taker.receive()
        taker.kill()
        giver.put("cloud")
        with SharedAssign("pose", "1K", "get") as successor:
            assert successor.get(timeout=0) == "cloud"


def take_numbers(link: Link) -> None:
    """Take what comes and tell it."""
    taker = SharedAssign("pose", "1K", "get")
    link.send("waits")
    while True:
        link.send(taker.get())


@pytest.mark.slow
def test_no_value_is_got_twice_while_takers_are_killed(namespace: Path) -> None:
    """D23: at most one get, and never an older value after a newer one."""
    told: list[int] = []
    number = 0
    with SharedAssign("pose", "1K", "put") as giver:
        for _ in range(8):
            with Peer(take_numbers) as one, Peer(take_numbers) as other:
                one.receive()
                other.receive()
                for _ in range(300):
                    number += 1
                    giver.put(number)
                one.kill()
                told += messages_of(one)
                number += 1
                giver.put(number)
                wait_until(lambda: giver.stats().taken == giver.version, "the survivor takes the last one")
                other.kill()
                told += messages_of(other)

    assert len(told) == len(set(told)), "a value was got twice"
    assert told


def messages_of(peer: Peer) -> list[int]:
    """Return the numbers that a dead peer told before it ended; the last message may be torn off."""
    found: list[int] = []
    while peer.has_message():
        try:
            found.append(peer.receive())
        except (AssertionError, EOFError, OSError):
            break
    return found


# -- views ------------------------------------------------------------------------------------------------------


def write_through_a_pointer(address: int) -> None:
    """Write to memory as C code does that knows of no flag."""
    faulthandler.disable()  # what comes is no surprise
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # nor to a sanitizer
    ctypes.memset(address, 255, 8)


def test_pointer_into_a_view_ends_its_process_and_changes_nothing(namespace: Path) -> None:
    """D5: what ``torch.from_numpy`` lets its callers do."""
    with NumpyShare("cloud", "4K", "put") as giver, NumpyShare("cloud", "4K", "get") as taker:
        giver.put(np.arange(8))
        view = taker.get(copy=False)

        with Child(lambda: write_through_a_pointer(view.ctypes.data)) as child:
            status = child.join()

        assert status == -signal.SIGSEGV
        assert view.tolist() == list(range(8))


def test_tensor_over_a_view_cannot_change_it(namespace: Path) -> None:
    """The same, through torch itself."""
    torch = pytest.importorskip("torch", reason="torch is not installed: the test above writes through the pointer")
    with NumpyShare("cloud", "4K", "put") as giver, NumpyShare("cloud", "4K", "get") as taker:
        giver.put(np.arange(8))
        view = taker.get(copy=False)

        with Child(lambda: torch.from_numpy(view).fill_(7)) as child:
            assert child.join() == -signal.SIGSEGV

        assert view.tolist() == list(range(8))


def test_view_of_a_parent_stays_readable_in_its_child(namespace: Path) -> None:
    """Workers are forked while clouds are there."""
    with NumpyShare("cloud", "4K", "put") as giver, NumpyShare("cloud", "4K", "get") as taker:
        giver.put(np.arange(3))
        view = taker.get(copy=False)

        def look() -> Any:
            for number in range(20):
                giver.put(np.full(3, number))
            return view.tolist()

        assert answer_of_child(look) == [0, 1, 2]
        assert view.tolist() == [0, 1, 2]


def test_child_takes_and_puts_through_the_endpoints_of_its_parent(namespace: Path) -> None:
    """Rule 8."""
    with SharedAssign("pose", "4K", "put") as giver, SharedAssign("pose", "4K", "get") as taker:
        giver.put("from the parent")

        def exchange() -> Any:
            value = taker.get()
            giver.put("from the child")
            return value

        assert answer_of_child(exchange) == "from the parent"
        assert taker.get(timeout=0) == "from the child"


def view_until_the_end(end: int, others_end: int) -> int:
    """Take one array in place and keep it until the pipe is closed."""
    os.close(others_end)
    with NumpyShare("cloud", None, "get") as taker:
        view = taker.get(copy=False)
        os.read(end, 1)
        return int(view[0])


@pytest.mark.slow
def test_slots_of_fifty_viewers_return_when_half_of_them_are_killed(namespace: Path) -> None:
    """Views held by dead processes go back to the pool: afterwards all slots but two can be loaned at once."""
    viewers, slots = 50, 64
    end, others_end = os.pipe()
    with NumpyShare("cloud", 1000, "put", slots=slots) as giver, contextlib.ExitStack() as children:
        living = [children.enter_context(Child(lambda: view_until_the_end(end, others_end))) for _ in range(viewers)]
        for number in range(viewers):
            giver.put(np.array([number]))
            wait_until(lambda: giver.stats().taken == giver.version, "somebody takes it")
        held = giver.stats().slots_pinned

        for child in living[::2]:
            child.kill()
        os.close(others_end)
        seen = {child.answer() for child in living[1::2]}
        with contextlib.ExitStack() as loans:
            for _ in range(slots - 2):
                loans.enter_context(giver.loan(1, np.uint8))
            pinned_meanwhile = giver.stats().slots_pinned
    os.close(end)

    assert held == viewers
    assert len(seen) == viewers // 2
    assert pinned_meanwhile == 0


# -- memory -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thousand_views_of_five_megabytes_take_no_memory(namespace: Path) -> None:
    """Zero-copy means that nothing is copied."""
    cloud = np.ones(5 << 20, np.uint8)
    with NumpyShare("cloud", "5M", "put") as giver, NumpyShare("cloud", "5M", "get") as taker:
        giver.put(cloud)
        taker.get(copy=False)
        before = resident_bytes()
        for _ in range(1000):
            giver.put(cloud)
            assert taker.get(copy=False)[-1] == 1
        grown = resident_bytes() - before

    assert grown < 1 << 20


def echo(link: Link, count: int) -> None:
    """Send back what comes; tell the memory at the beginning and at the end."""
    requests, answers = NumpyShare("requests", None, "get"), NumpyShare("answers", None, "put")
    link.send("open")
    for number in range(count):
        answers.put(requests.get())
        if number == count // 10:
            link.send(resident_bytes())
    link.send(resident_bytes())


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_memory_is_constant_over_a_hundred_thousand_hand_overs(namespace: Path) -> None:
    """A leak of a byte in each would show."""
    count = 50_000
    with (
        NumpyShare("requests", "64K", "put") as requests,
        NumpyShare("answers", "64K", "get") as answers,
        Peer(echo, count) as peer,
    ):
        peer.receive()
        before = 0
        for number in range(count):
            requests.put(np.full(100, number))
            assert answers.get()[-1] == number
            if number == count // 10:
                before = resident_bytes()
        grown_here = resident_bytes() - before
        grown_there = -peer.receive() + peer.receive()

    assert grown_here < 1 << 20
    assert grown_there < 1 << 20
    sys.stdout.write(f"grew by {grown_here} and {grown_there} bytes\n")


@pytest.fixture(autouse=True)
def no_object_is_left(namespace: Path) -> Iterator[None]:
    """Remove what the tests leave by design: shares persist."""
    yield
    for file in namespace.iterdir():
        memlane.unlink(file.name)

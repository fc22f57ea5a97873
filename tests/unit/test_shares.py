"""Shares of any value: what one side puts the other takes, once."""

from __future__ import annotations

import gc
import pickle
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable, NumpyShare, SharedAssign
from tests.peer import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def giver(namespace: Path) -> Iterator[SharedAssign]:
    """Give the side of a share ``pose`` that puts."""
    with SharedAssign("pose", "4K", "put") as share:
        yield share


@pytest.fixture
def taker(giver: SharedAssign) -> Iterator[SharedAssign]:
    """Give the side of the same share that takes."""
    with SharedAssign("/pose", "4k", "get") as share:
        yield share


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 1.5, "text", b"bytes", (1, [2, {"three": None}]), {1, 2}, 1 + 2j, np.arange(6).reshape(2, 3)],
    ids=lambda value: type(value).__name__,
)
def test_value_that_was_put_is_got_as_it_was(giver: SharedAssign, taker: SharedAssign, value: Any) -> None:
    """Assignment between processes: any value, its type included."""
    giver.put(value)

    found = taker.get(timeout=0)

    assert type(found) is type(value)
    assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value


def test_value_is_got_once(giver: SharedAssign, taker: SharedAssign) -> None:
    """Twice the same cloud is twice the work."""
    giver.put("cloud")
    taker.get(timeout=0)

    with pytest.raises(memlane.Timeout, match="share 'pose': no value was put in time"):
        taker.get(timeout=0)


def test_value_that_was_put_again_is_got_again(giver: SharedAssign, taker: SharedAssign) -> None:
    """Equal values are two values."""
    for _ in range(3):
        giver.put("cloud")
        assert taker.get(timeout=0) == "cloud"


def test_put_replaces_what_was_not_taken(giver: SharedAssign, taker: SharedAssign) -> None:
    """A slow taker gets the newest, and nobody waits for it."""
    for number in range(100):
        giver.put(number)

    assert taker.get(timeout=0) == 99


def test_get_before_the_first_put_waits(giver: SharedAssign, taker: SharedAssign) -> None:
    """An empty share is no error for who waits."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(taker.get()))
    thread.start()

    giver.put("first")

    thread.join()
    assert found == ["first"]


def test_none_is_a_value_like_any_other(giver: SharedAssign, taker: SharedAssign) -> None:
    """None must not mean that nothing was there."""
    giver.put(None)

    assert taker.read(timeout=0).version == 1


def test_read_tells_the_version_and_time_of_the_value(giver: SharedAssign, taker: SharedAssign) -> None:
    """Who measures delays needs the time of the put, who counts losses the version."""
    before = time.time()
    assert [giver.put(number) for number in range(3)] == [1, 2, 3]

    reading = taker.read(timeout=0)

    assert (reading.value, reading.version, giver.version, taker.version) == (2, 3, 3, 3)
    assert before <= reading.timestamp + 1 <= time.time() + 2


def test_clear_drops_what_waits(giver: SharedAssign, taker: SharedAssign) -> None:
    """A taker that starts anew may not want what is old."""
    giver.put("old")

    assert (taker.clear(), taker.clear()) == (True, False)

    with pytest.raises(memlane.Timeout):
        taker.get(timeout=0)


def test_taker_cannot_put_and_giver_cannot_get(giver: SharedAssign, taker: SharedAssign) -> None:
    """A mixed-up mode shows at once, and says what to open."""
    with pytest.raises(memlane.WriteAccessError, match="opened with mode='get', and takes: open one with mode='put'"):
        taker.put(1)
    with pytest.raises(memlane.ReadAccessError, match="opened with mode='put', and gives: open one with mode='get'"):
        giver.get()

    assert taker.version == 0


@pytest.mark.parametrize("mode", ["r", "", None, "PUT", 1])
def test_other_modes_are_refused(namespace: Path, mode: Any) -> None:
    """A typing error must not open the other side."""
    with pytest.raises(ValueError, match="is neither 'put' .* nor 'get'"):
        SharedAssign("pose", "4K", mode)

    assert list(namespace.iterdir()) == []


@pytest.mark.parametrize("size", ["abc", 0, -1, "1.5M"])
def test_sizes_that_are_none_are_refused(namespace: Path, size: Any) -> None:
    """The forms are in the message; see test_sizes."""
    with pytest.raises(ValueError, match="give a whole number of bytes from 1 up"):
        SharedAssign("pose", size, "put")

    assert list(namespace.iterdir()) == []


def test_another_size_at_the_second_opener_is_an_error_with_both(giver: SharedAssign) -> None:
    """Never a truncation."""
    with pytest.raises(memlane.SizeMismatch, match="share 'pose': size=8192 was asked for, the object has size=4096"):
        SharedAssign("pose", "8K", "get")


def test_size_that_was_not_given_is_the_one_that_is_there(giver: SharedAssign) -> None:
    """D43."""
    with SharedAssign("pose", None, "get") as taker, SharedAssign("pose", mode="get") as other:
        assert "4096 bytes" in repr(taker)
        assert "4096 bytes" in repr(other)


def test_value_that_does_not_fit_is_refused_and_the_old_one_stays(giver: SharedAssign, taker: SharedAssign) -> None:
    """D22: never half a value, never none."""
    giver.put("old")

    with pytest.raises(memlane.OOMError, match=r"share 'pose': the value takes \d+ bytes, at most size=4096 fit"):
        giver.put("x" * 4100)
    with pytest.raises(memlane.OOMError):
        giver.put({"set", "x" * 5000})

    assert taker.get(timeout=0) == "old"


def test_what_describes_an_array_does_not_count(giver: SharedAssign, taker: SharedAssign) -> None:
    """Who makes a share of 4 KiB for arrays of 4 KiB is right."""
    giver.put(np.zeros(4096, np.uint8))
    assert taker.get(timeout=0).nbytes == 4096

    with pytest.raises(memlane.OOMError, match="takes 4097 bytes"):
        giver.put(np.zeros(4097, np.uint8))


def test_value_that_cannot_be_pickled_leaves_the_old_one(giver: SharedAssign, taker: SharedAssign) -> None:
    """Its own methods run while nothing is held."""
    giver.put("old")

    with pytest.raises(memlane.EncodingError):
        giver.put(lambda: None)

    assert taker.get(timeout=0) == "old"


def test_pickle_that_may_not_be_loaded_waits_for_one_who_may(giver: SharedAssign, taker: SharedAssign) -> None:
    """A refusal must not eat the value."""
    giver.put({1, 2})
    with (
        SharedAssign("pose", None, "get", allow_pickle=False) as careful,
        pytest.raises(memlane.UnsafePickle, match="share 'pose' holds a pickle"),
    ):
        careful.get(timeout=0)

    assert taker.get(timeout=0) == {1, 2}


def test_share_and_variable_do_not_share_names(giver: SharedAssign) -> None:
    """Rule 1."""
    with pytest.raises(memlane.KindMismatch, match="'pose' is a share, and was opened as a variable"):
        HostVariable("pose")


def test_missing_share_is_not_made_where_it_must_exist(namespace: Path) -> None:
    """Rule 3."""
    with pytest.raises(memlane.ObjectNotFound):
        SharedAssign("pose", None, "get", create=False)


def test_closed_share_refuses_everything(giver: SharedAssign, taker: SharedAssign) -> None:
    """Rule 9."""
    giver.close()
    giver.close()
    taker.close()

    for use in (lambda: giver.put(1), taker.get, giver.clear, giver.stats, lambda: giver.version, giver.__enter__):
        with pytest.raises(memlane.Closed):
            use()
    assert giver.closed
    assert "closed" in repr(giver)


def test_close_ends_a_get_of_another_thread(giver: SharedAssign) -> None:
    """A thread that waits must not keep a program from ending."""
    taker = SharedAssign("pose", None, "get")
    started, outcome = threading.Event(), []

    def wait() -> None:
        started.set()
        try:
            taker.get()
        except memlane.Closed as error:
            outcome.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    taker.close()
    thread.join()

    assert len(outcome) == 1


def is_readable(share: SharedAssign) -> bool:
    """Say what an event loop would see."""
    return bool(select.select([share], [], [], 0)[0])


def test_descriptor_is_readable_while_a_value_waits(giver: SharedAssign, taker: SharedAssign) -> None:
    """Event loops wait for shares as for sockets."""
    assert not is_readable(taker)
    giver.put(1)
    wait_until(lambda: is_readable(taker), "the descriptor becomes readable")
    taker.get(timeout=0)

    wait_until(lambda: not is_readable(taker), "the descriptor is quiet again")


def test_negative_timeout_is_refused(taker: SharedAssign) -> None:
    """Rule 6."""
    with pytest.raises(ValueError, match="timeout=-1"):
        taker.get(timeout=-1)


def test_interrupt_leaves_a_get_at_once_and_the_value_for_later(giver: SharedAssign, taker: SharedAssign) -> None:
    """Ctrl-C: a plain KeyboardInterrupt, everything consistent."""
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    timer.start()

    with pytest.raises(KeyboardInterrupt):
        taker.get()

    timer.join()
    giver.put("later")
    assert taker.get(timeout=0) == "later"


@pytest.mark.parametrize("kind", [SharedAssign, NumpyShare])
def test_endpoint_pickles_with_its_side(namespace: Path, kind: type[SharedAssign | NumpyShare]) -> None:
    """D14: arguments of a worker process."""
    value = np.arange(3)
    with kind("pose", "4K", "put") as giver, kind("pose", "4K", "get") as taker:
        with pickle.loads(pickle.dumps(giver)) as received:
            assert received.mode == "put"
            received.put(value)
        with pickle.loads(pickle.dumps(taker)) as received:
            assert np.array_equal(received.get(timeout=0), value)


def test_endpoint_of_a_recreated_share_is_refused(giver: SharedAssign) -> None:
    """D14: it must not open a stranger."""
    pickled = pickle.dumps(giver)
    giver.unlink()
    with SharedAssign("pose", "4K", "put"), pytest.raises(memlane.ObjectNotFound, match="re-created"):
        pickle.loads(pickled)


def test_unlinked_share_goes_on_and_says_so(giver: SharedAssign, taker: SharedAssign) -> None:
    """D15."""
    giver.unlink()

    giver.put(1)

    assert taker.get(timeout=0) == 1
    assert (giver.is_current, taker.stats().is_current) == (False, False)
    assert "no longer under its name" in repr(giver)
    with pytest.raises(memlane.ObjectNotFound):
        giver.unlink()


def test_ephemeral_share_goes_with_its_last_endpoint(namespace: Path) -> None:
    """Rule 4."""
    with SharedAssign("pose", "4K", "put", persistent=False), SharedAssign("pose", None, "get"):
        assert len(list(namespace.iterdir())) == 1

    assert list(namespace.iterdir()) == []


def test_statistics_count_what_happened(giver: SharedAssign, taker: SharedAssign) -> None:
    """Rule 12."""
    giver.put(b"12345")
    giver.put(b"12345")
    taker.get()

    stats = giver.stats()

    assert (stats.puts, stats.gets, stats.version, stats.taken) == (2, 1, 2, 2)
    assert (stats.live_participants, stats.slots_writing, stats.slots_pinned, stats.is_current) == (2, 0, 0, True)
    assert stats.bytes_put == 2 * stats.bytes_got


def test_repr_says_what_waits(giver: SharedAssign, taker: SharedAssign) -> None:
    """Logs and debuggers show it."""
    assert "put, empty, 4 slots of 4096 bytes" in repr(giver)
    giver.put(1)
    assert "version 1 waits" in repr(giver)
    taker.get()
    assert repr(taker).startswith("<memlane.SharedAssign 'pose': get, version 1 was taken")


def test_endpoint_that_was_never_opened_says_so() -> None:
    """A failed constructor leaves objects behind, which debuggers print."""
    assert repr(SharedAssign.__new__(SharedAssign)) == "<memlane.SharedAssign: never opened>"


def test_threads_of_one_endpoint_get_each_value_once(giver: SharedAssign, taker: SharedAssign) -> None:
    """Rule 12: threads may share an endpoint."""
    found: list[int] = []
    last = 3000

    def take() -> None:
        while True:
            try:
                number = taker.get(timeout=5)
            except memlane.Closed:
                return
            found.append(number)
            if number == last:
                taker.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(last + 1):
        giver.put(number)
    for thread in threads:
        thread.join()

    assert len(found) == len(set(found))
    assert max(found) == last


def test_share_is_collected(namespace: Path) -> None:
    """An endpoint that nobody has any more gives its place back."""
    with SharedAssign("pose", "4K", "put") as giver:
        taker: SharedAssign | None = SharedAssign("pose", None, "get")
        assert giver.stats().live_participants == 2
        del taker
        gc.collect()
        assert giver.stats().live_participants == 1

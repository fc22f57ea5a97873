"""Signal handlers that run in the middle of an operation, and use the same variable.

SIGALRM and its timer belong to the tests' watchdog; these use the virtual timer, whose signal comes while the process
computes, that is: inside the operations.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from tests.peer import Link, Peer, process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Interruption(Exception):
    """What a handler raises."""


def signal_sleeper(link: Link, pid: int, number: int) -> None:
    """Send a process a signal as soon as it sleeps: the only other place where it could is this link."""
    link.send("ready")
    link.receive()
    wait_until(lambda: process_state(pid) == "S", f"process {pid} sleeps")
    os.kill(pid, number)


@pytest.fixture
def sender() -> Iterator[Peer]:
    """Give a process that signals this one with SIGUSR1 when it was told to and this one sleeps."""
    with Peer(signal_sleeper, os.getpid(), int(signal.SIGUSR1)) as peer:
        assert peer.receive() == "ready"
        yield peer
        assert peer.join() == 0


@pytest.fixture
def handle() -> Iterator[Callable[[int, Callable[[], object]], None]]:
    """Give a function that installs a handler for this test."""
    former: dict[int, Any] = {}

    def install(number: int, action: Callable[[], object]) -> None:
        former[number] = signal.signal(number, lambda *_: action())

    yield install
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.slow
def test_handler_that_writes_and_reads_the_variable_in_use_neither_blocks_nor_tears(
    variable: HostVariable, handle: Callable[[int, Callable[[], object]], None]
) -> None:
    """Hazard 37: a handler comes between any two steps of an operation of the same endpoint."""
    handled: list[tuple[Any, Any]] = []
    variable.data = ("main", 0)

    def use() -> None:
        value = variable.data
        variable.data = ("handler", len(handled))
        handled.append((value, variable.data))

    handle(signal.SIGVTALRM, use)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0005, 0.0005)
    number = 0
    while len(handled) < 300:
        number += 1
        variable.data = ("main", number)
        assert variable.data[0] in {"main", "handler"}
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    assert variable.stats().writes == number + len(handled) + 1
    assert {len(value) for pair in handled for value in pair} == {2}
    assert variable.stats().slots_writing == 0


@pytest.mark.slow
def test_handler_that_takes_views_during_views_keeps_them_apart(
    variable: HostVariable, handle: Callable[[int, Callable[[], object]], None]
) -> None:
    """Pins are taken under a lock of the endpoint; a handler must not wait for the code that it interrupted."""
    seen: list[float] = []
    variable.data = np.zeros(100)

    def view() -> None:
        image = variable.view()
        assert image[0] == image[-1]
        seen.append(float(image[0]))

    handle(signal.SIGVTALRM, view)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0005, 0.0005)
    number = 0
    while len(seen) < 300:
        number += 1
        variable.data = np.full(100, float(number))
        latest = variable.view()
        assert latest[0] == latest[-1] == number
        del latest
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    assert variable.stats().slots_pinned == 0


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_handler_runs_during_a_wait_and_the_wait_goes_on(
    variable: HostVariable, handle: Callable[[int, Callable[[], object]], None], sender: Peer, timeout: float | None
) -> None:
    """A signal is no reason to stop waiting; what it writes is what is waited for."""
    handle(signal.SIGUSR1, lambda: setattr(variable, "data", "from the handler"))
    sender.send("go")

    value = variable.wait(timeout=timeout)

    assert value == "from the handler"


def test_exception_of_a_handler_ends_a_wait_and_nothing_is_lost(
    variable: HostVariable, handle: Callable[[int, Callable[[], object]], None], sender: Peer
) -> None:
    """As KeyboardInterrupt does; the endpoint goes on afterwards."""

    def interrupt() -> None:
        raise Interruption

    handle(signal.SIGUSR1, interrupt)
    sender.send("go")

    with pytest.raises(Interruption):
        variable.wait()

    variable.data = "after"
    assert variable.wait(timeout=0) == "after"


def test_signals_do_not_lengthen_a_timeout(
    variable: HostVariable, handle: Callable[[int, Callable[[], object]], None]
) -> None:
    """The deadline is a point in time: a hundred signals a second must not move it."""
    handled: list[float] = []
    handle(signal.SIGUSR1, lambda: handled.append(time.monotonic()))
    over = threading.Event()

    def disturb() -> None:
        while not over.wait(0.005):
            os.kill(os.getpid(), signal.SIGUSR1)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    with pytest.raises(memlane.Timeout):
        variable.wait(timeout=0.2)
    over.set()
    disturber.join()

    assert handled


def test_handler_that_closes_the_endpoint_ends_the_wait(
    variable: HostVariable, handle: Callable[[int, Callable[[], object]], None], sender: Peer
) -> None:
    """SIGTERM handlers close things."""
    handle(signal.SIGUSR1, variable.close)
    sender.send("go")

    with pytest.raises(memlane.Closed):
        variable.wait()


def test_handler_during_a_write_without_a_free_slot_can_make_one_free(
    namespace: Path, handle: Callable[[int, Callable[[], object]], None], sender: Peer
) -> None:
    """A blocked write looks at signals as every blocking call does."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"one"
        views = [variable.view()]
        variable.data = b"two"
        handle(signal.SIGUSR1, views.clear)
        sender.send("go")

        variable.data = b"three"

        assert variable.data == b"three"

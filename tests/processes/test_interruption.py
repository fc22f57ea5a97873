"""Ctrl-C in every blocking call: a plain KeyboardInterrupt, everything consistent, and the endpoint usable."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def wait(variable: HostVariable) -> None:
    """Wait for a version that never comes."""
    variable.wait(newer_than=10**6)


def wait_with_timeout(variable: HostVariable) -> None:
    """Wait for long."""
    variable.wait(newer_than=10**6, timeout=600)


def take_updates(variable: HostVariable) -> None:
    """Take the value that is there, and wait for one that never comes."""
    for _ in variable.updates():
        pass


def write(variable: HostVariable) -> None:
    """Write without a free slot, again and again: a single write gives up after a second."""
    while True:
        try:
            variable.data = b"new"
        except RuntimeError:  # NoFreeSlot
            continue


def loan(variable: HostVariable) -> None:
    """Wait for a slot that never gets free."""
    with variable.loan(size=1, timeout=None):
        pass


def loan_with_timeout(variable: HostVariable) -> None:
    """Wait for a slot for long."""
    with variable.loan(size=1, timeout=600):
        pass


BLOCKING_CALLS = [wait, wait_with_timeout, take_updates, write, loan, loan_with_timeout]


def be_interrupted(link: Link, call: Callable[[HostVariable], None]) -> None:
    """Block, tell how that ended, and use the endpoint afterwards."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with HostVariable("pose") as variable:
        link.send("blocking")
        try:
            call(variable)
        except KeyboardInterrupt as error:
            link.send((type(error), error.__context__ is None or isinstance(error.__context__, RuntimeError)))
        value = variable.data
        link.receive()  # a slot is free now
        variable.data = b"afterwards"
        link.send((value, variable.stats().slots_writing))


@pytest.mark.slow
@pytest.mark.parametrize("call", BLOCKING_CALLS, ids=lambda call: call.__name__)
def test_ctrl_c_ends_a_blocking_call_and_loses_nothing(namespace: Path, call: Callable[[HostVariable], None]) -> None:
    """Rule 6: a user who presses Ctrl-C gets the prompt, and the system its state."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"one"
        views = [variable.view()]
        variable.data = b"two"
        with Peer(be_interrupted, call) as peer:
            assert peer.receive() == "blocking"
            peer.wait_until_asleep()

            peer.signal(signal.SIGINT)
            interruption = peer.receive()
            views.clear()
            peer.send("free")

            assert interruption == (KeyboardInterrupt, True)
            assert peer.receive() == (b"two", 0)
            assert peer.join() == 0
        assert variable.data == b"afterwards"


def interrupt_waiting_thread(link: Link) -> None:
    """Wait in the main thread while another thread computes: the kernel may hand the signal to either."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    with HostVariable("pose") as variable:
        link.send("blocking")
        try:
            variable.wait()
        except KeyboardInterrupt:
            link.send("interrupted")
    over.set()


@pytest.mark.slow
def test_ctrl_c_reaches_a_wait_beside_other_threads(namespace: Path) -> None:
    """The kernel may deliver the signal to any thread; the wait looks for it between its chunks."""
    with Peer(interrupt_waiting_thread) as peer:
        assert peer.receive() == "blocking"
        peer.wait_until_asleep()

        peer.signal(signal.SIGINT)

        assert peer.receive() == "interrupted"
        assert peer.join() == 0


@pytest.mark.slow
def test_ctrl_c_during_writes_never_leaves_a_slot_behind(namespace: Path) -> None:
    """KeyboardInterrupt comes between any two bytecodes, also inside a ``with variable.loan()``."""
    with HostVariable("pose", slots=3) as variable, Peer(be_disturbed) as peer:
        assert peer.receive() == "ready"
        for go_on in [True] * 200 + [False]:
            peer.send(go_on)
            if go_on:
                peer.signal(signal.SIGINT)
                assert peer.receive() == "interrupted"

        assert peer.join() == 0
        assert variable.stats().slots_writing == 0
        variable.data = "afterwards"
        assert variable.data == "afterwards"


def be_disturbed(link: Link) -> None:
    """Write in every way, and say each time when that was interrupted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    number = 0
    with HostVariable("pose") as variable:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        link.send("ready")
        while link.receive():
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
                while True:
                    number += 1
                    variable.data = number
                    variable.data = {number}
                    assert variable.data is not None
                    fill(variable, number)
            except KeyboardInterrupt:
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # the next one waits until this is told
                link.send("interrupted")


def fill(variable: HostVariable, number: int) -> None:
    """Loan and fill."""
    with variable.loan(size=8) as place:
        place[:] = number.to_bytes(8, "little")

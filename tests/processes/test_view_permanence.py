"""A view never changes: not by writers, not by their deaths, and not by the program that holds it (D5)."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memlane import HostVariable
from tests import storm
from tests.children import Child
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from pathlib import Path

WRITES = 1_000_000
KILLED_WRITERS = 1_000


def permissions_at(address: int) -> str:
    """Return what the kernel lets this process do at an address."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if first <= address < last:
                return line.split()[1]
    raise AssertionError(f"nothing is mapped at {address:#x}")


def write_and_die(link: Link, writers: int, writes: int) -> None:
    """Let so many writers write so often each; each is killed in the middle of going on."""
    reading_end, writing_end = os.pipe()

    def write() -> None:
        with HostVariable("image") as variable:
            for number in range(writes):
                variable.data = number
            os.write(writing_end, b"!")
            while True:
                variable.data = b"until killed"

    for _ in range(writers):
        writer = storm.fork(write)
        os.read(reading_end, 1)
        assert storm.kill(writer) == signal.SIGKILL
    os.close(reading_end)
    os.close(writing_end)
    link.send("done")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_view_of_version_1_stays_while_a_million_writes_and_a_thousand_killed_writers_pass(namespace: Path) -> None:
    """What a program looks at without a copy is as good as a copy."""
    image = np.random.default_rng(1).random((40, 50))
    with HostVariable("image", 20_000) as variable:
        variable.data = image
        view = variable.view()
        permissions = permissions_at(view.ctypes.data)
        with Peer(write_and_die, KILLED_WRITERS, WRITES // KILLED_WRITERS) as killer:
            assert killer.receive(timeout=280) == "done"

        assert np.array_equal(view, image)
        assert permissions == permissions_at(view.ctypes.data) == "r--s"
        assert variable.stats().writes >= WRITES
        assert variable.stats().slots_pinned == 1
        del view
        assert variable.stats().slots_pinned == 0


def write_through_pointer(view: Any) -> None:
    """Do what ``torch.from_numpy`` lets people do after a warning."""
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # no traceback of the test runner's
    ctypes.memset(view.ctypes.data, 0xFF, 8)


def test_program_that_writes_through_a_raw_pointer_is_ended_and_changes_nothing(variable: HostVariable) -> None:
    """D5: the one exception to 'never a fault', because the alternative is silent damage in every other process."""
    variable.data = np.zeros(16)
    view = variable.view()

    with Child(lambda: write_through_pointer(view)) as child:
        status = child.join()

    assert status == -signal.SIGSEGV
    assert not variable.data.any()
    assert not view.any()
    variable.data = np.ones(16)
    assert variable.data.all()


def test_loan_is_in_a_writable_mapping_and_a_view_of_the_same_bytes_is_not(variable: HostVariable) -> None:
    """Two mappings of one file: writing is a matter of who was given which."""
    with variable.loan(16, "f8") as place:
        place[:] = 1
        writable = permissions_at(place.ctypes.data)

    assert (writable, permissions_at(variable.view().ctypes.data)) == ("rw-s", "r--s")

"""Objects that are truncated while they are open: the SIGBUS of every later access is caught, and becomes an error."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import memlane
from memlane import HostFunctionCaller, HostFunctionDispatcher, HostVariable
from tests.peer import PATIENCE_SECONDS, Link, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOSS = "'pose': its file was truncated by another program while it was open: its values are lost"
REMEDY = "end the programs that use it, remove it with memlane.unlink(), and open it anew"

OPERATIONS: dict[str, Callable[[HostVariable], object]] = {
    "data": lambda variable: variable.data,
    "data =": lambda variable: setattr(variable, "data", b"new"),
    "data = pickled": lambda variable: setattr(variable, "data", {1}),
    "get": lambda variable: variable.get("default"),
    "read": lambda variable: variable.read(),
    "version": lambda variable: variable.version,
    "age": lambda variable: variable.age,
    "wait": lambda variable: variable.wait(timeout=5),
    "view": lambda variable: variable.view(),
    "stats": lambda variable: variable.stats(),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("size", [0, 4096, 16384])
def test_operation_on_a_truncated_object_is_corrupted_and_says_what_happened(
    namespace: Path, operation: Callable[[HostVariable], object], size: int
) -> None:
    """Rule 10: never a crash; the first access finds it."""
    with HostVariable("pose", 100_000) as variable:
        variable.data = b"value" * 100
        variable.wait(timeout=0)
        os.truncate(namespace / "pose", size)

        with pytest.raises(memlane.Corrupted) as caught:
            operation(variable)
            operation(variable)  # where the first one touched only what is left

        assert LOSS in str(caught.value)
        assert REMEDY in str(caught.value)


@pytest.mark.parametrize("size", [0, 4096])
def test_polled_endpoint_of_a_truncated_object_becomes_readable(namespace: Path, size: int) -> None:
    """The thread that waits for it meets the fault, not the program's own."""
    with HostVariable("pose") as variable:
        variable.data = 1
        assert variable.wait() == 1
        descriptor = variable.fileno()
        assert not select.select([descriptor], [], [], 0)[0]
        os.truncate(namespace / "pose", size)

        assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0]

        with pytest.raises(memlane.Corrupted, match=LOSS):
            _ = variable.data


def test_repr_of_a_truncated_object_raises_nothing(namespace: Path) -> None:
    """Whoever logs the endpoint that failed must get a line, not a second error."""
    with HostVariable("pose") as variable:
        os.truncate(namespace / "pose", 0)
        with pytest.raises(memlane.Corrupted):
            variable.data = 1

        assert "'pose'" in repr(variable)


def test_view_of_a_truncated_object_reads_zeros(namespace: Path) -> None:
    """What was handed out stays readable: wrong values, never a fault."""
    with HostVariable("pose", 100_000) as variable:
        variable.data = np.ones(10_000)
        view = variable.view()
        os.truncate(namespace / "pose", 0)

        assert view.sum() == 0
        with pytest.raises(memlane.Corrupted, match="was truncated by another program while it was open"):
            _ = variable.data


def test_loan_of_a_truncated_object_can_be_filled_and_is_refused_at_the_end(namespace: Path) -> None:
    """The program goes on to the end of its block; nothing is published."""
    with HostVariable("pose", 100_000) as variable:
        variable.data = b"value"
        with pytest.raises(memlane.Corrupted, match="its values are lost"), variable.loan(10_000, "f8") as place:
            os.truncate(namespace / "pose", 0)
            place[:] = 1


def test_other_objects_are_not_affected(namespace: Path) -> None:
    """The handler replaces the mapping that was hit, and no other."""
    with HostVariable("pose") as truncated, HostVariable("image") as whole:
        truncated.data = whole.data = b"value"
        os.truncate(namespace / "pose", 0)
        with pytest.raises(memlane.Corrupted):
            _ = truncated.data

        assert whole.data == b"value"
        whole.data = b"new"
        assert whole.data == b"new"


def test_dispatcher_survives_a_function_that_is_truncated_while_it_runs(namespace: Path) -> None:
    """The answer finds nobody; the other functions go on."""

    def truncate(name: str) -> bytes:
        os.truncate(namespace / name, 4096)
        if name == "raises":
            raise ValueError
        return b"x" * 3000

    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("whole", timeout=PATIENCE_SECONDS) as whole:
        for name in ("returns", "raises"):
            dispatcher.add(name, truncate)
        dispatcher.add("whole", abs)
        dispatcher.start()
        for name in ("returns", "raises"):
            with HostFunctionCaller(name, timeout=PATIENCE_SECONDS) as lost, pytest.raises(memlane.Corrupted):
                lost.call(name)

        assert whole.call(-1) == 1


def test_truncated_object_can_be_removed_and_made_anew(namespace: Path) -> None:
    """The remedy that the error names."""
    with HostVariable("pose") as variable:
        os.truncate(namespace / "pose", 0)
        with pytest.raises(memlane.Corrupted):
            variable.data = 1

    memlane.unlink("pose")

    with HostVariable("pose") as anew:
        anew.data = 1
        assert anew.data == 1


def wait_for_a_value(link: Link) -> None:
    """Sleep on a word whose page disappears."""
    with HostVariable("pose") as variable:
        link.send("waiting")
        try:
            variable.wait()
        except memlane.Corrupted as error:
            link.send(str(error))


@pytest.mark.slow
def test_sleeping_waiter_notices_the_truncation(namespace: Path) -> None:
    """Hazard 20: the kernel wakes nobody when the page goes; the wait looks again by itself."""
    with HostVariable("pose"), Peer(wait_for_a_value) as waiter:
        assert waiter.receive() == "waiting"
        waiter.wait_until_asleep()

        os.truncate(namespace / "pose", 0)

        assert LOSS in waiter.receive()


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program that imports memlane and opens ``pose`` in an interpreter of its own."""
    prelude = "import memlane, os, faulthandler; path = os.environ['MEMLANE_DIR'] + '/pose'\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


READ_TRUNCATED = """
variable.data = 1
os.truncate(path, 0)
try:
    variable.data
except memlane.Corrupted:
    print("corrupted")
"""


@pytest.mark.slow
def test_faulthandler_enabled_before_memlane_is_left_in_place_for_other_faults(namespace: Path) -> None:
    """The trap takes what is its own and hands on the rest."""
    ended = run(f"faulthandler.enable()\nvariable = memlane.HostVariable('pose'){READ_TRUNCATED}")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "corrupted\n", "")


@pytest.mark.slow
def test_faulthandler_enabled_after_memlane_is_passed_at_the_next_opening(namespace: Path) -> None:
    """Hazard 18: it replaces the trap, and the next open puts the trap in front again."""
    ended = run(
        "variable = memlane.HostVariable('pose')\n"
        "faulthandler.enable()\n"
        f"second = memlane.HostVariable('pose'){READ_TRUNCATED}"
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "corrupted\n", "")


@pytest.mark.slow
def test_foreign_sigbus_still_reaches_the_handler_of_the_program(namespace: Path) -> None:
    """A defect elsewhere must not be hidden."""
    ended = run(
        "import mmap, ctypes\n"
        "faulthandler.enable()\n"
        "variable = memlane.HostVariable('pose')\n"
        "file = open(path + '-other', 'w+b'); file.truncate(4096)\n"
        "mapping = mmap.mmap(file.fileno(), 4096); file.truncate(0)\n"
        "mapping[0]\n"
    )

    assert ended.returncode == -signal.SIGBUS
    assert "Fatal Python error: Bus error" in ended.stderr


@pytest.mark.slow
def test_foreign_sigbus_without_any_handler_ends_the_process(namespace: Path) -> None:
    """Neither swallowed nor repeated for ever."""
    ended = run(
        "import mmap\n"
        "variable = memlane.HostVariable('pose')\n"
        "file = open(path + '-other', 'w+b'); file.truncate(4096)\n"
        "mapping = mmap.mmap(file.fileno(), 4096); file.truncate(0)\n"
        "mapping[0]\n"
    )

    assert ended.returncode == -signal.SIGBUS


@pytest.mark.slow
def test_trap_can_be_switched_off(namespace: Path) -> None:
    """``MEMLANE_SIGBUS=0``, for programs with handlers of their own."""
    ended = run(f"variable = memlane.HostVariable('pose'){READ_TRUNCATED}", MEMLANE_SIGBUS="0")

    assert ended.returncode == -signal.SIGBUS


def scribble_and_truncate(link: Link, path: str) -> None:
    """Truncate the object and make it long again, over and over, with noise in between."""
    size = os.stat(path).st_size
    descriptor = os.open(path, os.O_RDWR)
    link.send("scribbling")
    while True:
        os.truncate(path, 0)
        os.truncate(path, size)
        os.pwrite(descriptor, os.urandom(64), 4096 + int.from_bytes(os.urandom(4), "little") % (size - 8192))


@pytest.mark.slow
def test_process_survives_a_peer_that_truncates_and_scribbles_without_end(namespace: Path) -> None:
    """Every endpoint is hit sooner or later; each time it is an error, and a new endpoint goes on."""
    corrupted = 0
    HostVariable("pose", 20_000).close()
    with Peer(scribble_and_truncate, str(namespace / "pose")) as scribbler:
        assert scribbler.receive() == "scribbling"
        while corrupted < 300:
            try:
                with HostVariable("pose") as variable:
                    while True:
                        variable.data = b"value" * 100
                        assert len(variable.view()) >= 0
                        variable.stats()
            except (memlane.Error, TypeError):
                corrupted += 1
        scribbler.kill()

    assert corrupted == 300

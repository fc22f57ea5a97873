"""What the kernel does to processes and files: namespaces, reused pids, ended main threads, holes."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

import memlane
from memlane import HostVariable
from memlane.cli import main
from tests import storm
from tests.children import Child
from tests.namespaces import answer_of_isolated_child, mount, unshare_mounts
from tests.peer import process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SYS_EXIT = {"x86_64": 60, "aarch64": 93}
FALLOC_FL_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02


def hold_a_slot_and_die(name: str) -> NoReturn:
    """Take a slot of a variable, and be killed with it."""
    variable = HostVariable(name)
    with variable.loan(size=1):
        os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def is_given_back(variable: HostVariable) -> bool:
    """Say whether the one slot beside the current one can be used."""
    try:
        variable.data = b"new"
    except memlane.NoFreeSlot:
        return False
    return bool(variable.data == b"new")


@pytest.mark.slow
def test_peer_in_another_pid_namespace_is_alive_until_it_is_killed(namespace: Path) -> None:
    """Hazard 7: containers share /dev/shm and no pids; a pid from there is no evidence here."""
    told, tell = os.pipe()
    ready, go = os.pipe()

    def loan_and_wait() -> int:
        with HostVariable("pose") as mine, mine.loan(size=4) as place:
            os.write(tell, b"!")
            os.read(ready, 1)
            place[:] = b"mine"
        return os.getpid()

    def ask_for_the_slot() -> bool:
        with HostVariable("pose") as variable:
            os.read(told, 1)
            with pytest.raises(memlane.NoFreeSlot):
                variable.loan(size=1, timeout=0)
            os.write(go, b"!")
        return True

    with HostVariable("pose", slots=2) as variable, Child(ask_for_the_slot) as outside:
        variable.data = b"old"

        pid = answer_of_isolated_child(lambda: None, loan_and_wait, new_pids=True)

        assert (pid, outside.answer(), variable.data) == (1, True, b"mine")
    for descriptor in (ready, go, told, tell):
        os.close(descriptor)


def test_pid_of_another_namespace_is_told_as_such(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first process of a container has pid 1: who reads that outside must not take it for init."""
    told, tell = os.pipe()
    ready, go = os.pipe()

    def read_until_told() -> bool:
        mount("proc", "/proc")
        with memlane.open_channel("bytes", memlane.CHAN_R):
            os.write(tell, b"!")
            os.read(ready, 1)
        return True

    def ask_from_outside() -> tuple[str, str]:
        os.read(told, 1)
        with pytest.raises(memlane.EndpointBusy) as busy:
            memlane.open_channel("bytes", memlane.CHAN_R)
        status = main(["who"])
        os.write(go, b"!")
        assert status == 0
        return str(busy.value), capsys.readouterr().out

    with Child(ask_from_outside) as outside:
        assert answer_of_isolated_child(unshare_mounts, read_until_told, new_pids=True)
        text, table = outside.answer()
    for descriptor in (ready, go, told, tell):
        os.close(descriptor)

    assert re.search(r"channel 'bytes' has a reader already, pid 1 \(.+\) of another pid namespace: close that", text)
    assert re.search(r"^1 +.+ lives, other pid namespace +reader$", table, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("sees", ["its own /proc", "the /proc of the host"])
def test_death_inside_a_pid_namespace_is_seen_inside(namespace: Path, sees: str) -> None:
    """Hazard 7: there is a process of the same number outside, and it lives; that must not count."""

    def die_and_look() -> bool:
        if sees == "its own /proc":
            mount("proc", "/proc")
        with HostVariable("pose", slots=2) as variable:
            variable.data = b"old"
            for _ in range(3):  # pids 2, 3 and 4: outside these are threads of the kernel, which live for ever
                pid = storm.fork(lambda: hold_a_slot_and_die("pose"))
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
            return is_given_back(variable)

    assert answer_of_isolated_child(unshare_mounts, die_and_look, new_pids=True)


@pytest.mark.slow
def test_pid_that_is_used_again_does_not_bring_a_dead_process_back(namespace: Path) -> None:
    """Hazard 6: pids come round within seconds; the new process of that number has nothing to do with us."""

    def die_and_reuse() -> tuple[bool, bool]:
        mount("proc", "/proc")
        with HostVariable("pose", slots=2) as variable:
            variable.data = b"old"
            dead = storm.fork(lambda: hold_a_slot_and_die("pose"))
            os.waitpid(dead, 0)
            with open("/proc/sys/kernel/ns_last_pid", "w") as last:
                last.write(str(dead - 1))
            successor = storm.fork(signal.pause)
            given_back = is_given_back(variable)
            storm.kill(successor)
            return successor == dead, given_back

    assert answer_of_isolated_child(unshare_mounts, die_and_reuse, new_pids=True) == (True, True)


def end_main_thread() -> NoReturn:
    """End this thread alone, as ``pthread_exit`` in ``main`` does; the others go on."""
    ctypes.CDLL(None).syscall(SYS_EXIT[platform.machine()], 0)
    raise AssertionError


@pytest.mark.skipif(platform.machine() not in SYS_EXIT, reason="the number of exit(2) is known for x86_64 and aarch64")
def test_process_whose_main_thread_ended_is_alive(namespace: Path) -> None:
    """Hazard 12: the kernel shows it as a zombie without descriptors, and it goes on opening and writing."""
    told, tell = os.pipe()
    ready, go = os.pipe()

    def loan_in_a_thread() -> None:
        wait_until(lambda: process_state(os.getpid()) == "Z", "the main thread has ended")
        with HostVariable("pose") as mine, mine.loan(size=4) as place:
            os.write(tell, b"!")
            os.read(ready, 1)
            place[:] = b"mine"

    def start_thread_and_leave() -> None:
        threading.Thread(target=loan_in_a_thread).start()
        end_main_thread()

    with HostVariable("pose", slots=2) as variable, Child(start_thread_and_leave) as child:
        variable.data = b"old"
        os.read(told, 1)
        assert process_state(child.pid) == "Z"

        with pytest.raises(memlane.NoFreeSlot):
            variable.loan(size=1, timeout=0)
        os.write(go, b"!")

        assert variable.wait(newer_than=1, timeout=30) == b"mine"
    for descriptor in (ready, go, told, tell):
        os.close(descriptor)


def punch(path: Path, offset: int, size: int) -> None:
    """Take the storage away from under a part of a file: it reads as zeros from then on."""
    library = ctypes.CDLL(None, use_errno=True)
    with path.open("r+b") as file:
        mode, start, length = FALLOC_FL_KEEP_SIZE_AND_PUNCH_HOLE, ctypes.c_long(offset), ctypes.c_long(size)
        assert library.fallocate(file.fileno(), mode, start, length) == 0, os.strerror(ctypes.get_errno())


READINGS: dict[str, Callable[[HostVariable], object]] = {
    "data": lambda variable: variable.data,
    "read": lambda variable: variable.read(),
    "view": lambda variable: variable.view(),
}


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("start", ["values", "body"])
def test_punched_hole_is_an_error_and_the_next_write_heals_it(
    namespace: Path, start: str, read: Callable[[HostVariable], object]
) -> None:
    """Hazard 19: zeros where words and values were; seals would not have stopped it either."""
    with HostVariable("pose", 8192, slots=3, max_participants=4) as variable:
        variable.data = b"value" * 1000
        path = namespace / "pose"
        size = path.stat().st_size
        punch(path, size - 3 * 8192 if start == "values" else 8192, size)

        with pytest.raises((memlane.Corrupted, memlane.Empty)):
            read(variable)

        variable.data = b"healed"
        assert variable.data == b"healed"


@pytest.mark.slow
def test_no_robust_list_is_set_but_the_c_librarys_own(namespace: Path, tmp_path: Path) -> None:
    """Hazard 3: a library that sets one takes it away from every robust mutex of that thread."""
    tracer = shutil.which("strace")
    if tracer is None:
        pytest.skip("strace is not installed")
    program = (
        "import threading, memlane\n"
        "def use():\n"
        "    with memlane.HostVariable('pose') as variable:\n"
        "        variable.data = 1; variable.wait(timeout=0); variable.loan(size=1)\n"
    )
    calls = []
    for use in ("", "use()"):
        log = tmp_path / f"calls{use}"
        command = [tracer, "-qq", "-o", str(log), "-e", "trace=set_robust_list", sys.executable, "-c", program + use]
        traced = subprocess.run(command, capture_output=True, text=True, check=False)
        if "ptrace" in traced.stderr:
            pytest.skip(f"strace may not look at processes here: {traced.stderr}")
        assert traced.returncode == 0, traced.stderr
        calls.append(log.read_text().count("set_robust_list("))

    assert calls[0] == calls[1] > 0


def test_import_leaves_a_free_threaded_interpreter_free() -> None:
    """Hazard 41: a module that does not say so switches the global lock on for everybody.

    Where the interpreter has a lock it can only be seen that each module says so.
    """
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not sys._is_gil_enabled()  # type: ignore[attr-defined]
    sources = sorted((Path(__file__).parents[2] / "src").rglob("*.pyx"))

    assert sources
    assert [source.name for source in sources if "freethreading_compatible=True" not in source.read_text()] == []

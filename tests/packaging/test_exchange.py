"""The programs of examples/, all on one variable at once, while one after the other is killed and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable, ObjectNotFound
from tests.packaging import toolchain
from tests.peer import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = toolchain.REPOSITORY / "examples"
KINDS = ("c", "cpp", "ctypes", "numpy", "msgspec")
KILLS = 15


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    """Build the programs in C and C++ and say how each kind is started."""
    pytest.importorskip("numpy")
    pytest.importorskip("msgspec")
    c = toolchain.build(
        toolchain.find("gcc", "cc"), EXAMPLES / "exchange.c", tmp_path / "c", "-std=c11", "-D_GNU_SOURCE"
    )
    cpp = toolchain.build(toolchain.find("g++", "c++"), EXAMPLES / "exchange.cpp", tmp_path / "cpp", "-std=c++17")
    python = {kind: [sys.executable, str(EXAMPLES / f"exchange_{kind}.py")] for kind in KINDS[2:]}
    return {"c": [str(c)], "cpp": [str(cpp)], **python}


@pytest.fixture
def running(commands: dict[str, list[str]]) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Start one program of each kind; end what is left of them."""
    programs = {kind: start(command) for kind, command in commands.items()}
    yield programs
    for program in programs.values():
        program.kill()
        program.communicate()


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start a program."""
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_there() -> bool:
    """Tell whether a program has written; it is they who make the variable, with their format."""
    try:
        with HostVariable("exchange", create=False) as exchange:
            return exchange.version > 0
    except ObjectNotFound:
        return False


def wait_for_record_of(exchange: HostVariable, program: subprocess.Popen[str]) -> None:
    """Wait until a program of its own process has written."""
    wait_until(
        lambda: program.poll() is not None or int(exchange.get({"process": 0})["process"]) == program.pid,
        "the program writes",
    )
    assert program.poll() is None, program.communicate()[0]


@pytest.mark.slow
@pytest.mark.timeout(140)
@pytest.mark.usefixtures("namespace")
def test_records_of_five_kinds_of_programs_stay_whole_while_one_is_killed_again_and_again(
    commands: dict[str, list[str]], running: dict[str, subprocess.Popen[str]]
) -> None:
    """Whatever language a program is written in, it is a peer like any other, in life and in death."""
    wait_until(is_there, "the first record")
    with HostVariable("exchange", create=False) as exchange:
        for program in running.values():
            wait_for_record_of(exchange, program)
        for kill in range(KILLS):
            kind = KINDS[kill % len(KINDS)]
            running[kind].kill()
            running[kind].communicate()
            running[kind] = start(commands[kind])
            wait_for_record_of(exchange, running[kind])
        ended = {kind: end(program) for kind, program in running.items()}

        assert {kind: status for kind, (status, _) in ended.items()} == dict.fromkeys(KINDS, 0)
        assert [said for _, said in ended.values() if not said.endswith("written and read, 0 torn\n")] == []
        assert exchange.stats().live_participants == 1


def end(program: subprocess.Popen[str]) -> tuple[int, str]:
    """Interrupt a program; return its status and what it said."""
    program.send_signal(signal.SIGINT)
    said = program.communicate(timeout=toolchain.PATIENCE_SECONDS)[0]
    return program.returncode, said

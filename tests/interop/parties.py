"""Who can take part in an exchange: interpreters that are installed here, and a C program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

import memlane._native.namespace

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = REPOSITORY / "compat" / "exchange.py"
# Where the library of the memlane that is under test lies, and memlane_compat.py beside it.
LIBRARY = Path(memlane._native.namespace.__file__).parents[1] / "lib" / "libmemlane.so"
INTERPRETERS = ("2.7", "3.6", "3.8", "3.10", "3.11", "3.12", "3.13", "pypy")
OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
PATIENCE_SECONDS = 120


class Party(NamedTuple):
    """One program that can take either side."""

    name: str
    command: list[str]


def version_of(command: str) -> str:
    """Return what an interpreter says that it is, an empty text where it does not run."""
    question = "import sys; print('pypy' if hasattr(sys, 'pypy_version_info') else '%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([command, "-c", question], capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    return done.stdout.strip()


def candidates(name: str) -> list[str]:
    """Return commands that may be this interpreter: this one, on PATH, and of pyenv, which people use for old ones."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [sys.executable] if name == OWN else []
    found += [path for path in (shutil.which(f"python{name}"), shutil.which("pypy3")) if path]
    return found + sorted(str(path) for path in root.glob(f"versions/{name}*/bin/python"))


def interpreter(name: str) -> Party | None:
    """Find an interpreter; None where it is not installed."""
    command = next((command for command in candidates(name) if version_of(command) == name), None)
    return None if command is None else Party(name, [command, str(PROGRAM)])


def c_program(folder: Path) -> Party:
    """Build the C program against the library under test."""
    program = folder / "exchange"
    include = LIBRARY.parents[1] / "include"
    compiler = os.environ.get("CC", "cc")
    source = Path(__file__).with_name("exchange.c")
    link = [f"-I{include}", f"-L{LIBRARY.parent}", "-lmemlane", f"-Wl,-rpath,{LIBRARY.parent}"]
    subprocess.run([compiler, "-O2", "-std=c11", "-D_GNU_SOURCE", str(source), "-o", str(program), *link], check=True)
    return Party("C", [str(program)])


def start(party: Party, side: str, surface: str, count: int, namespace: Path) -> subprocess.Popen[str]:
    """Start one side and wait until it is ready."""
    environment = {**os.environ, "MEMLANE_DIR": str(namespace), "MEMLANE_LIBRARY": str(LIBRARY)}
    process = subprocess.Popen(
        [*party.command, side, surface, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    if not stream(process.stdout).readline().endswith("ready\n"):
        process.kill()
        raise AssertionError(f"{party.name} cannot {side} ({surface})")
    return process


def stream(found: IO[str] | None) -> IO[str]:
    """Return a pipe that was asked for."""
    assert found is not None
    return found


def exchange(asker: Party, answerer: Party, surface: str, count: int) -> float:
    """Let one ask and the other answer; return the milliseconds, or raise `AssertionError`."""
    with tempfile.TemporaryDirectory(prefix="memlane-interop-", dir="/dev/shm") as namespace:
        processes: list[subprocess.Popen[str]] = []
        try:
            processes.append(start(answerer, "answer", surface, count, Path(namespace)))
            processes.append(start(asker, "ask", surface, count, Path(namespace)))
            output, _ = processes[1].communicate("go\n", timeout=PATIENCE_SECONDS)
            statuses = [processes[1].returncode, processes[0].wait(PATIENCE_SECONDS)]
        finally:
            for process in processes:
                process.kill()
                process.wait()
                stream(process.stdout).close()
                stream(process.stdin).close()
        if statuses != [0, 0]:
            raise AssertionError(f"{asker.name} asked, {answerer.name} answered ({surface}): statuses {statuses}")
        return float(output)

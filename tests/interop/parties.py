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
EXAMPLES = REPOSITORY / "compat" / "document_examples.py"
# Where the library of the memlane that is under test lies, and memlane_compat.py beside it.
LIBRARY = Path(memlane._native.namespace.__file__).parents[1] / "lib" / "libmemlane.so"
INTERPRETERS = ("2.7", "3.6", "3.8", "3.10", "3.11", "3.12", "3.13", "pypy")
OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
PATIENCE_SECONDS = 300


class Party(NamedTuple):
    """One program that can take either side."""

    name: str
    command: list[str]
    packages: Path | None = None
    """What the interpreter finds modules in besides its own: numpy, and memlane where it can have that."""


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


def interpreter(name: str, packages: Path | None = None) -> Party | None:
    """Find an interpreter, and its part of a folder of packages; None where it is not installed."""
    command = next((command for command in candidates(name) if version_of(command) == name), None)
    own = packages if name != OWN else None  # the environment that runs this has everything
    return None if command is None else Party(name, [command, str(PROGRAM)], own and own / name)


def build(source: str, compiler: list[str], program: Path) -> None:
    """Build a program of this folder against the library under test."""
    include = LIBRARY.parents[1] / "include"
    link = [f"-I{include}", f"-L{LIBRARY.parent}", "-lmemlane", f"-Wl,-rpath,{LIBRARY.parent}"]
    command = [*compiler, "-O2", "-D_GNU_SOURCE", str(Path(__file__).with_name(source)), "-o", str(program), *link]
    subprocess.run(command, check=True)


def c_program(folder: Path) -> Party:
    """Build the C program."""
    build("exchange.c", [os.environ.get("CC", "cc"), "-std=c11"], folder / "exchange")
    return Party("C", [str(folder / "exchange")])


def cpp_program(folder: Path) -> Party:
    """Build the C++ program, which answers clouds."""
    build("clouds.cpp", [os.environ.get("CXX", "c++"), "-std=c++17"], folder / "clouds")
    return Party("C++", [str(folder / "clouds")])


def environment(party: Party, namespace: Path) -> dict[str, str]:
    """Return what a party finds its modules and its objects by."""
    found = {**os.environ, "MEMLANE_DIR": str(namespace), "MEMLANE_LIBRARY": str(LIBRARY)}
    return found if party.packages is None else {**found, "PYTHONPATH": str(party.packages)}


def start(party: Party, side: str, surfaces: str, count: int, namespace: Path) -> subprocess.Popen[str]:
    """Start one side and wait until it is ready."""
    process = subprocess.Popen(
        [*party.command, side, surfaces, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(party, namespace),
    )
    if not stream(process.stdout).readline().endswith("ready\n"):
        process.kill()
        raise AssertionError(f"{party.name} cannot {side} ({surfaces})")
    return process


def stream(found: IO[str] | None) -> IO[str]:
    """Return a pipe that was asked for."""
    assert found is not None
    return found


def exchange(asker: Party, answerer: Party, surfaces: str, count: int) -> list[float]:
    """Let one ask and the other answer; return the milliseconds of each surface, or raise `AssertionError`."""
    with tempfile.TemporaryDirectory(prefix="memlane-interop-", dir="/dev/shm") as namespace:
        processes: list[subprocess.Popen[str]] = []
        try:
            processes.append(start(answerer, "answer", surfaces, count, Path(namespace)))
            processes.append(start(asker, "ask", surfaces, count, Path(namespace)))
            output, _ = processes[1].communicate("go\n", timeout=PATIENCE_SECONDS)
            statuses = [processes[1].returncode, processes[0].wait(PATIENCE_SECONDS)]
        finally:
            for process in processes:
                process.kill()
                process.wait()
                stream(process.stdout).close()
                stream(process.stdin).close()
        if statuses != [0, 0]:
            raise AssertionError(f"{asker.name} asked, {answerer.name} answered ({surfaces}): statuses {statuses}")
        return [float(line) for line in output.split()]


def run_examples(*programs: tuple[Party, list[str]]) -> None:
    """Let interpreters run examples of the document beside each other; raise `AssertionError` unless all end well."""
    with tempfile.TemporaryDirectory(prefix="memlane-interop-", dir="/dev/shm") as namespace:
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for party, arguments in programs:
                command = [party.command[0], str(EXAMPLES), *arguments]
                processes.append(subprocess.Popen(command, env=environment(party, Path(namespace))))
            statuses = [process.wait(PATIENCE_SECONDS) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
    if any(statuses):
        shown = "; ".join(f"{party.name}: {' '.join(arguments)}" for party, arguments in programs)
        raise AssertionError(f"examples of the document ({shown}): statuses {statuses}")

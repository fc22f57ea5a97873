"""The controller as a C++ program: compiled as any program of others is, against the package that is installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "controller.cpp")
COMPILERS = ("c++", "g++", "clang++")
PKG_CONFIGS = ("pkg-config", "pkgconf")
OPTIONS = ("-std=c++17", "-O2")
LENIENT = "-Wl,--allow-shlib-undefined"
"""A library with a sanitizer leaves names open, which what is loaded before the program has."""


class CannotBuild(Exception):
    """The program cannot be compiled here; the text says what is missing, or what the compiler said."""


@contextmanager
def built_controller() -> Iterator[str]:
    """Compile the controller; give its path. Raises `CannotBuild`."""
    compiler = find_compiler()
    with tempfile.TemporaryDirectory(prefix="memlane-controller-") as folder:
        program = os.path.join(folder, "controller")
        output_of([*compiler, *OPTIONS, SOURCE, "-o", program, *library_flags(), LENIENT])
        yield program


def find_compiler() -> list[str]:
    """Return the words of CXX, else the first compiler on PATH."""
    named = shlex.split(os.environ.get("CXX", ""))
    for words in [named] if named else [[name] for name in COMPILERS]:
        if shutil.which(words[0]):
            return words
    looked_for = f"CXX names {named[0]}, which is not there" if named else f"none of {', '.join(COMPILERS)} is on PATH"
    raise CannotBuild(
        f"memlane demo --cpp needs a C++17 compiler: {looked_for}."
        " Install one (Debian, Ubuntu: apt install g++), or leave --cpp out"
    )


def library_flags() -> list[str]:
    """Ask pkg-config for the flags of memlane; where there is none, memlane itself."""
    finder = next(filter(None, map(shutil.which, PKG_CONFIGS)), None)
    if finder is None:
        return shlex.split(ask_memlane("--cflags", "--libs"))
    folder = os.pathsep.join(filter(None, [ask_memlane("--pkg-config-path"), os.environ.get("PKG_CONFIG_PATH")]))
    return shlex.split(output_of([finder, "--cflags", "--libs", "memlane"], PKG_CONFIG_PATH=folder))


def ask_memlane(*options: str) -> str:
    """Return what ``memlane config`` answers: one folder, or flags."""
    answer = output_of([sys.executable, "-m", "memlane", "config", *options]).strip()
    return shlex.split(answer)[0] if len(options) == 1 else answer


def output_of(command: Sequence[str], **environment: str) -> str:
    """Run a command and return what it prints. Raises `CannotBuild` with what it said when it fails."""
    done = subprocess.run(  # noqa: S603 - a compiler, pkg-config, this package
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotBuild(f"memlane demo --cpp: {shlex.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout

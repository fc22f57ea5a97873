"""Compilers and what finds libraries for them; a test that lacks one is skipped with its name."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sanitizer import SANITIZED

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).resolve().parent.parent.parent
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
PATIENCE_SECONDS = 60
# A sanitized libmemlane.so leaves names open, which the runtime that is loaded before it has.
LENIENT = ("-Wl,--allow-shlib-undefined",) if SANITIZED else ()


def find(*commands: str) -> str:
    """Return the first of the commands that PATH has; skip the test when it has none."""
    for command in commands:
        if found := shutil.which(command):
            return found
    return pytest.skip(f"needs {' or '.join(commands)} on PATH")


def output_of(command: Sequence[str | Path], **environment: str) -> str:
    """Run a command that has to succeed and return what it prints."""
    finished = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, f"{' '.join(map(str, command))}:\n{finished.stdout}{finished.stderr}"
    return finished.stdout


def ask(*options: str) -> list[str]:
    """Return the words of ``memlane config``."""
    return shlex.split(output_of([sys.executable, "-m", "memlane", "config", *options]))


def pkg_config_flags() -> list[str]:
    """Return what pkg-config says of memlane, found by what ``memlane config`` says."""
    (folder,) = ask("--pkg-config-path")
    command = [find("pkg-config", "pkgconf"), "--cflags", "--libs", "memlane"]
    return shlex.split(output_of(command, PKG_CONFIG_PATH=folder))


def build(compiler: str, source: Path, program: Path, *options: str) -> Path:
    """Compile and link one program without a warning, by the flags of pkg-config."""
    output_of([compiler, *options, *STRICT, source, "-o", program, *pkg_config_flags(), *LENIENT])
    return program

"""The layer check itself: one breach of each rule, and the file and line that it is reported at."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.peer import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def run_check(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the check over a tree."""
    command = [sys.executable, str(REPOSITORY / "tools" / "check_layers.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("path", "line", "report"),
    [
        ("core/src/trap.c", '#include "register.h"', "of rank 2 includes register.h of rank 3"),
        ("core/src/lock.h", "#include <memlane/variable.h>", "of rank 3 includes memlane/variable.h of rank 4"),
        ("core/src/gossip.c", "int x;", "has no rank"),
        ("core/src/lock.c", '#include "gossip.h"', "includes gossip.h, which has no rank"),
        ("core/src/lock.c", "#include <stdatomic.h>", "every order has its name in atomic.h"),
        ("core/src/platform_linux.c", "#include <stdatomic.h>", "every order has its name in atomic.h"),
        ("core/src/segment.c", "#include <sys/mman.h>", "the system is behind platform.h"),
        ("core/src/segment.c", "#ifdef __linux__", "compiles conditionally (__linux__)"),
        ("src/memlane/codec/plain.pyx", "from memlane._native.error cimport x", "is not below memlane.codec"),
        ("src/memlane/_native/error.pyx", "import memlane.variable", "is not below memlane._native"),
        ("src/memlane/_native/error.pyx", "from memlane import variable", "is not below memlane._native"),
        ("src/memlane/codec/plain.pxd", 'cdef extern from "memlane/status.h":', "only memlane._native knows"),
        ("src/memlane/gossip/plain.pyx", "x = 1", "has no layer"),
    ],
)
def test_breach_is_reported_at_its_line(tmp_path: Path, path: str, line: str, report: str) -> None:
    """A rule that nothing enforces is forgotten within a year."""
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(f"{line}\n")

    result = run_check(tmp_path)

    assert result.stdout.startswith(f"{path}:1: ")
    assert report in result.stdout
    assert result.returncode == 1


@pytest.mark.parametrize(
    "member",
    [
        "pthread_mutex_t mutex;",
        "uint32_t *next;",
        "bool open;",
        "enum memlane_slot_state state;",
        "long size;",
        "size_t size;",
    ],
)
def test_member_that_builds_could_lay_out_differently_is_reported(tmp_path: Path, member: str) -> None:
    """Two builds that disagree about a structure corrupt each other's memory."""
    file = tmp_path / "core" / "src" / "layout.h"
    file.parent.mkdir(parents=True)
    file.write_text(f"struct memlane_thing {{\n    {member} /* a comment */\n}};\n")

    result = run_check(tmp_path)

    assert result.stdout.startswith(f"core/src/layout.h:2: shares '{member}'")
    assert result.returncode == 1


def test_fixed_width_members_guards_and_lower_ranks_are_accepted(tmp_path: Path) -> None:
    """A check that cries wolf is switched off."""
    file = tmp_path / "core" / "src" / "layout.h"
    file.parent.mkdir(parents=True)
    file.write_text(
        "#ifndef MEMLANE_LAYOUT_H\n#include <stdint.h>\n#include <memlane/status.h>\n"
        "struct memlane_thing {\n    memlane_atomic64 a[4 * 2], b; /* text */\n    unsigned char c[64 - 8];\n};\n"
    )

    result = run_check(tmp_path)

    assert (result.stdout, result.returncode) == ("layers: no breach in C and Cython\n", 0)


def test_binding_may_import_errors_and_the_codec(tmp_path: Path) -> None:
    """Lower rooms are what a room is built on, however the import is written."""
    file = tmp_path / "src" / "memlane" / "_native" / "error.pyx"
    file.parent.mkdir(parents=True)
    file.write_text(
        "from memlane import errors\nfrom memlane.codec.plain cimport (\n    decode,\n)\nimport memlane.settings\n"
    )

    result = run_check(tmp_path)

    assert (result.stdout, result.returncode) == ("layers: no breach in C and Cython\n", 0)

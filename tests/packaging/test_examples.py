"""The programs in C and C++ that come with memlane are compiled as their users compile them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging import toolchain

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FOLDERS = ("examples", "src/memlane/demo")
SOURCES = sorted(
    path.relative_to(toolchain.REPOSITORY)
    for folder in FOLDERS
    for kind in ("c", "cpp")
    for path in (toolchain.REPOSITORY / folder).rglob(f"*.{kind}")
)


def build(source: Path, folder: Path) -> Path:
    """Compile a program by the flags of pkg-config."""
    compiler, *options = {
        ".c": [toolchain.find("gcc", "cc"), "-std=c11", "-D_GNU_SOURCE"],
        ".cpp": [toolchain.find("g++", "c++"), "-std=c++17"],
    }[source.suffix]
    return toolchain.build(compiler, toolchain.REPOSITORY / source, folder / source.stem, *options)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_every_program_compiles_without_a_warning(source: Path, tmp_path: Path) -> None:
    """A new example, or a new program of the demo, needs no line here to be tried."""
    assert build(source, tmp_path).exists()

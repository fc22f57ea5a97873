"""Programs of others are compiled and linked against the package that is installed."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.packaging import toolchain
from tests.sanitizer import SANITIZED

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SOURCE = toolchain.REPOSITORY / "tests" / "packaging"


WORDS = "hello from a dead process"


def say_and_ask(program: Path, reader: Path | None = None) -> str:
    """Let one process write and end, and another one read."""
    toolchain.output_of([program, "greeting", WORDS])
    return toolchain.output_of([reader or program, "greeting"])


@pytest.fixture
def build_folder(tmp_path: Path) -> Path:
    """Give a folder with a blank in its name, as people have them."""
    folder = tmp_path / "build folder"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("compiler", [("gcc", "cc"), ("clang-14", "clang")], ids=["gcc", "clang"])
def test_program_builds_and_runs_by_the_flags_of_pkg_config(compiler: tuple[str, ...], build_folder: Path) -> None:
    """No other flag is needed: the library is found when the program starts."""
    program = toolchain.build(toolchain.find(*compiler), SOURCE / "greeting.c", build_folder / "greeting", "-std=c11")

    assert say_and_ask(program) == f"{WORDS}\n"


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("standard", ["c++17", "c++20"])
@pytest.mark.parametrize("compiler", [("g++", "c++"), ("clang++-14", "clang++")], ids=["gcc", "clang"])
def test_cpp_program_builds_and_runs_by_the_flags_of_pkg_config(
    compiler: tuple[str, ...], standard: str, build_folder: Path
) -> None:
    """The headers of C++ come with the package and compile without a warning of a stranger's flags."""
    source, program = SOURCE / "greeting.cpp", build_folder / "greeting"
    toolchain.build(toolchain.find(*compiler), source, program, f"-std={standard}")

    assert say_and_ask(program) == f"{WORDS}\n"


@pytest.mark.usefixtures("namespace")
def test_program_builds_and_runs_by_the_flags_of_the_command(build_folder: Path) -> None:
    """Who has no pkg-config asks memlane itself."""
    program = build_folder / "greeting"

    toolchain.output_of(
        [
            toolchain.find("gcc", "cc"),
            SOURCE / "greeting.c",
            "-o",
            program,
            *toolchain.ask("--cflags", "--libs"),
            *toolchain.LENIENT,
        ]
    )

    assert say_and_ask(program) == f"{WORDS}\n"


@pytest.mark.usefixtures("namespace")
@pytest.mark.skipif(SANITIZED, reason="a stranger's project does not know of the sanitizer's runtime")
def test_program_builds_and_runs_by_find_package(build_folder: Path) -> None:
    """CMake projects name the target and nothing else."""
    cmake, _, _ = toolchain.find("cmake"), toolchain.find("gcc", "cc"), toolchain.find("g++", "c++")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    (package,) = toolchain.ask("--cmake-dir")

    toolchain.output_of(
        [cmake, "-S", SOURCE, "-B", build_folder, f"-Dmemlane_DIR={package}", "-DGREETING_IN_CPP=ON", *generator]
    )
    toolchain.output_of([cmake, "--build", build_folder])

    assert say_and_ask(build_folder / "greeting", build_folder / "greeting_cpp") == f"{WORDS}\n"


def test_every_file_of_the_package_moves_with_it(tmp_path: Path) -> None:
    """A wheel is unpacked where its user wants it: no file may know where it was built."""
    (library,) = toolchain.ask("--library-dir")
    (include,) = toolchain.ask("--include")
    moved = tmp_path / "moved"
    shutil.copytree(library, moved / "lib")
    shutil.copytree(include, moved / "include")

    command = [toolchain.find("pkg-config", "pkgconf"), "--variable=includedir", "memlane"]
    found = toolchain.output_of(command, PKG_CONFIG_PATH=str(moved / "lib" / "pkgconfig")).strip()

    assert (tmp_path / found / "memlane" / "memlane.h").resolve() == moved / "include" / "memlane" / "memlane.h"
    texts = [path.read_text() for path in moved.rglob("*") if path.suffix in {".pc", ".cmake", ".h", ".hpp"}]
    assert [text for text in texts if str(toolchain.REPOSITORY) in text or library in text] == []


def test_the_command_says_everything_when_nothing_is_asked() -> None:
    """Who forgot an option's name sees them all."""
    said = toolchain.output_of([sys.executable, "-m", "memlane", "config"]).splitlines()

    assert [line.partition(":")[0] for line in said] == [
        "cflags", "libs", "include", "library-dir", "pkg-config-path", "cmake-dir",
    ]  # fmt: skip

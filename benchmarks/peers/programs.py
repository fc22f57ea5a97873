"""Programs in C over the core, from core/bench: built into build/benchmarks when they are first asked for."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "benchmarks"
NAMES = ("bench_variable", "bench_call", "bench_limits")


def can_be_built() -> bool:
    """Tell whether there are the tools for it."""
    return shutil.which("cmake") is not None and shutil.which("cc") is not None


def build() -> None:
    """Build what changed."""
    configure = ["cmake", "-S", str(ROOT / "core"), "-B", str(FOLDER), "-DMEMLANE_BUILD_TESTS=ON"]
    for command in (
        [*configure, "-DCMAKE_BUILD_TYPE=Release"],
        ["cmake", "--build", str(FOLDER), "--parallel", "--target", *NAMES],
    ):
        subprocess.run(command, check=True, capture_output=True)


class Programs:
    """The folder of the programs."""

    def __init__(self, _address: str) -> None:
        build()

    @contextmanager
    def open(self, _role: int) -> Iterator[str]:
        """Say where they are."""
        yield str(FOLDER)

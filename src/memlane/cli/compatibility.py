"""``memlane compat``: copy what other interpreters need to where nothing can be installed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from memlane._native import namespace

if TYPE_CHECKING:
    import argparse

FILES = ("libmemlane.so", "memlane_compat.py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane compat`` takes."""
    parser.add_argument("--to", required=True, metavar="DIR", help="where to copy to; it is made when it is missing")


def run(arguments: argparse.Namespace) -> int:
    """Copy the library and ``memlane_compat.py``, which finds it beside itself."""
    library_directory = os.path.join(os.path.dirname(namespace.__file__), os.pardir, "lib")
    os.makedirs(arguments.to, exist_ok=True)
    for name in FILES:
        copied = shutil.copy(os.path.join(library_directory, name), os.path.join(arguments.to, name))
        print(copied)  # noqa: T201 - the answer
    return 0

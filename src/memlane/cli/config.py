"""``memlane config``: where the C library of this package lies, for compilers, pkg-config and CMake."""

from __future__ import annotations

import errno
import importlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memlane.cli.place import add_json, say, say_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

# The binding lies beside the library, also where the Python files lie elsewhere (editable installs).
BESIDE_THE_LIBRARY = "memlane._native.variable"


class Places(NamedTuple):
    """The folders of the C library."""

    library: Path
    include: Path

    @classmethod
    def find(cls) -> Places:
        """Find them beside the binding; `FileNotFoundError` where somebody took them out of the package."""
        binding = importlib.import_module(BESIDE_THE_LIBRARY)
        package = Path(str(binding.__file__)).resolve().parent.parent
        places = cls(package / "lib", package / "include")
        for needed in (places.library / "libmemlane.so", places.include / "memlane" / "memlane.h"):
            if not needed.exists():
                raise FileNotFoundError(
                    errno.ENOENT,
                    f"{os.strerror(errno.ENOENT)}: the C library was taken out of this package; "
                    "ask pkg-config or CMake for memlane, or install the package anew",
                    str(needed),
                )
        return places


class Answer(NamedTuple):
    """One thing that can be asked for."""

    help: str
    words: Callable[[Places], list[str]]


ANSWERS = {
    "cflags": Answer("flags for the compiler", lambda places: [f"-I{places.include}"]),
    "libs": Answer(
        "flags for the linker; the program finds the library where it lies now",
        lambda places: [f"-L{places.library}", f"-Wl,-rpath,{places.library}", "-lmemlane"],
    ),
    "include": Answer("the folder of memlane/memlane.h", lambda places: [str(places.include)]),
    "library-dir": Answer("the folder of libmemlane.so", lambda places: [str(places.library)]),
    "pkg-config-path": Answer(
        "the folder of memlane.pc, for PKG_CONFIG_PATH", lambda places: [str(places.library / "pkgconfig")]
    ),
    "cmake-dir": Answer(
        "the folder of memlaneConfig.cmake, for -Dmemlane_DIR=",
        lambda places: [str(places.library / "cmake" / "memlane")],
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane config`` takes."""
    for name, answer in ANSWERS.items():
        parser.add_argument(f"--{name}", dest="asked", action="append_const", const=name, help=answer.help)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for on one line, in the order asked; everything with its name when nothing was."""
    places = Places.find()
    found = {name: ANSWERS[name].words(places) for name in arguments.asked or ANSWERS}
    if arguments.json:
        say_json(found)
    elif arguments.asked:
        say(shlex.join(word for name in arguments.asked for word in found[name]))
    else:
        for name, words in found.items():
            say(f"{name + ':':<17}{shlex.join(words)}")
    return 0

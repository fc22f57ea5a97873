"""What subcommands that look at objects have in common: where they look, and how they answer."""

from __future__ import annotations

import errno
import glob
import json
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, TextIO

from memlane import inspect
from memlane.cli.words import suggestion
from memlane.errors import ObjectNotFound

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_NAMED = 3
HELD = 1
"""Exit status: what was asked for would disturb somebody, or is not as it should be."""


def add_place(parser: argparse.ArgumentParser) -> None:
    """Say where to look."""
    parser.add_argument("--directory", help="the namespace directory (default: $MEMLANE_DIR, else the user's own)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Say how to answer."""
    parser.add_argument("--json", action="store_true", help="answer in JSON, for programs")


def add_name(parser: argparse.ArgumentParser, metavar: str = "NAME", what: str = "of an object") -> None:
    """Say what to look at."""
    parser.add_argument("name", metavar=metavar, help=f"the name {what}")


def output() -> TextIO:
    """Return what answers are printed to.

    Raises:
        OSError: It was closed before the interpreter began.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "the standard output is closed: there is nowhere to answer")
    return sys.stdout


def say(*words: object) -> None:
    """Print an answer, also for who reads it while the command goes on."""
    print(*words, file=output(), flush=True)


def say_error(text: str) -> None:
    """Say what is wrong where it does not mix with the answer."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command speaks on its terminal


def say_json(value: object) -> None:
    """Print an answer for programs, on one line: with escapes where it has characters that the output cannot encode."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(output().encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value)
    print(text, file=output(), flush=True)


def look(arguments: argparse.Namespace) -> inspect.Object:
    """Look at the object that was named; where there is none, say which names are like it."""
    try:
        return inspect.look(arguments.name, directory=arguments.directory)
    except ObjectNotFound as error:
        raise missing(arguments.name, arguments.directory) from error


def missing(name: str, directory: str | None) -> ObjectNotFound:
    """Return the error for a name that leads to nothing."""
    known = inspect.names(directory)
    path = inspect.directory_path(directory)
    empty = "; `memlane ls` shows what there is" if known else f"; nothing is there{elsewhere(path)}"
    return ObjectNotFound(2, f"there is no object {name!r} in {path!r}{suggestion(name, known) or empty}")


def advice(name: str) -> str:
    """Say where one sees what an object takes, where a value did not fit."""
    return f"`memlane show {shlex.quote(name)}` tells what it takes"


def elsewhere(path: str) -> str:
    """Return ``, but there are objects in ...`` where a namespace directory beside this one has some, as demos have."""
    pattern = os.path.join(glob.escape(os.path.dirname(path)), "memlane-*")
    others = [other for other in sorted(glob.glob(pattern)) if other != path and glob.glob(f"{glob.escape(other)}/*")]
    return f", but there are objects in {' and '.join(others[:_NAMED])}: try --directory" if others else ""


def pace(interval: float, count: int | None) -> Iterator[int]:
    """Come back every *interval* seconds, *count* times or for ever."""
    number = 0
    while count is None or number < count:
        yield number
        number += 1
        if count is None or number < count:
            time.sleep(interval)


def has_colours() -> bool:
    """Say whether answers go to a terminal that shows colours (https://no-color.org)."""
    return output().isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

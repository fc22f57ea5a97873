"""``memlane tail``: bytes of a channel, as they pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli.depiction import hex_dump
from memlane.cli.given import seconds
from memlane.cli.place import add_json, add_name, add_place, look, output, say, say_error, say_json
from memlane.errors import KindMismatch, ObjectNotFound

if TYPE_CHECKING:
    import argparse

_PIECE = 1 << 20
_REPORT_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane tail`` takes."""
    add_name(parser, "CHANNEL", "of a channel")
    parser.add_argument("--hex", action="store_true", help="show bytes as numbers, at their stream positions")
    parser.add_argument("--once", action="store_true", help="show what waits now, and end")
    parser.add_argument(
        "--interval", type=seconds, default=0.02, metavar="S", help="seconds between looks (default: 0.02)"
    )
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Copy the bytes out without taking them: the reader gets them all.

    What the reader took between two looks was not seen; how much that was is told on the error output.
    """
    item = look(arguments)
    if item.kind != "channel":
        raise KindMismatch(f"{item.name!r} is a {item.kind}, not a channel: `memlane show` tells what it holds")
    position = 0 if arguments.once else max((item.position or 0) - (item.filled or 0), 0)
    unseen, told = 0, time.monotonic()
    while True:
        try:
            first, found = inspect.peek(item.name, position, _PIECE, directory=arguments.directory)
        except ObjectNotFound:
            return 0  # a channel goes with its last user
        unseen += max(first - position, 0) if position else 0
        position = first + len(found)
        if found:
            show(first, found, arguments)
        if unseen and time.monotonic() - told > _REPORT_SECONDS:
            say_error(f"memlane tail: {unseen} bytes passed unseen")
            unseen, told = 0, time.monotonic()
        if arguments.once:
            return 0
        if not found:
            time.sleep(arguments.interval)


def show(first: int, found: bytes, arguments: argparse.Namespace) -> None:
    """Print some bytes."""
    if arguments.json:
        say_json({"position": first, "bytes": len(found), "hex": found.hex()})
    elif arguments.hex:
        say(hex_dump(found, first))
    elif output().isatty():
        text = found.decode("utf-8", "backslashreplace")
        output().write("".join(part if part.isprintable() or part in "\n\t" else repr(part)[1:-1] for part in text))
        output().flush()
    else:
        output().buffer.write(found)
        output().buffer.flush()

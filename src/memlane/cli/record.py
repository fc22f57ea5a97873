"""``memlane record``: what passes through a namespace, into a file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memlane.cli import words
from memlane.cli.given import seconds
from memlane.cli.jsonable import jsonable
from memlane.cli.place import add_place, say, say_error
from memlane.interruption import interruption

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane record`` takes."""
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the file, in the format MCAP")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="variables, shares, channels and buffers; patterns such as 'cam*' too"
    )
    parser.add_argument(
        "--interval", type=seconds, default=0.001, metavar="S", help="seconds between looks (default: 0.001)"
    )
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after S seconds (default: at Ctrl-C)")
    parser.add_argument("--no-view", action="store_true", help="leave out what viewers such as Foxglove show")
    add_place(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look until the end that was asked for, and say what was seen; what passed between two looks is counted."""
    from memlane.recording.recorder import Recorder  # noqa: PLC0415  (of the extra)

    began = time.monotonic()
    with (
        interruption() as interrupted,
        Recorder(
            arguments.output,
            arguments.names,
            directory=arguments.directory,
            jsonable=None if arguments.no_view else jsonable,
            overwrite=arguments.overwrite,
            notice=lambda text: say_error(f"memlane record: {words.printable(text)}"),
        ) as recorder,
    ):
        say_error(f"memlane record: looking at {recorder.directory}; Ctrl-C ends it")
        recorder.run(
            arguments.interval,
            lambda: interrupted.is_asked or time.monotonic() - began >= (arguments.seconds or float("inf")),
        )
    say(
        f"{arguments.output}: {recorder.samples} samples of {recorder.objects} objects in"
        f" {words.duration(time.monotonic() - began)}; {recorder.missed} passed unseen"
    )
    return 0

"""``memlane replay``: a recording, back into shared memory."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from memlane.cli import words
from memlane.cli.given import factor
from memlane.cli.place import add_place, say, say_error
from memlane.interruption import interruption

if TYPE_CHECKING:
    import argparse

_TURN_SECONDS = 0.0005
"""How long a value that is due may wait for the thread that reads ahead; Python's own 0.005 would be seen."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane replay`` takes."""
    parser.add_argument("file", metavar="FILE", help="a recording")
    parser.add_argument("names", nargs="*", metavar="NAME", help="objects to replay, such as 'cam*' (default: all)")
    parser.add_argument("--speed", type=factor, default=1.0, metavar="X", help="2 is twice as fast (default: 1)")
    parser.add_argument("--loop", action="store_true", help="begin anew at the end, until Ctrl-C")
    add_place(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write what was seen at the times at which it came, and say what nobody made room for."""
    from memlane.recording.replayer import Replayer  # noqa: PLC0415  (of the extra)

    sys.setswitchinterval(_TURN_SECONDS)
    began = time.monotonic()
    with (
        interruption() as interrupted,
        Replayer(arguments.file, arguments.names, directory=arguments.directory, speed=arguments.speed) as replayer,
    ):
        replayer.run(lambda: interrupted.is_asked)
        while arguments.loop and replayer.samples and not interrupted.is_asked:
            replayer.run(lambda: interrupted.is_asked)
        left_out = replayer.left_out
    if not replayer.is_complete:
        say_error(
            f"memlane replay: {arguments.file} was never finished: what its recorder had not written yet is missing"
        )
    for name, count in left_out.items():
        say_error(
            f"memlane replay: {count} bytes found no room in channel {name!r}: its reader is slow, or there is none"
        )
    say(f"{replayer.samples} samples in {words.duration(time.monotonic() - began)}")
    return 0

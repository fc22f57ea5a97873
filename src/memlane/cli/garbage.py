"""``memlane gc``: remove what its last users could not remove, because they died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import memlane
from memlane.cli.place import add_json, add_place, say, say_json

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane gc`` takes."""
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Remove the objects and say how many there were."""
    removed = memlane.collect(directory=arguments.directory)
    if arguments.json:
        say_json({"removed": removed})
    else:
        say(f"removed {removed} {'object' if removed == 1 else 'objects'} that no process had open")
    return 0

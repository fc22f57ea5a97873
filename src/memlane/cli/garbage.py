"""``memlane gc``: remove what its last users could not remove, because they died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import memlane

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane gc`` takes."""
    parser.add_argument("--directory", help="the namespace directory (default: $MEMLANE_DIR, else the user's own)")


def run(arguments: argparse.Namespace) -> int:
    """Remove the objects and say how many there were."""
    removed = memlane.collect(directory=arguments.directory)
    print(f"removed {removed} {'object' if removed == 1 else 'objects'} that no process had open")  # noqa: T201 - the answer
    return 0

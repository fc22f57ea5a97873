"""``memlane rm``: remove objects by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import memlane
from memlane import inspect
from memlane.cli.place import HELD, add_json, add_place, missing, say, say_error, say_json
from memlane.errors import Error, ObjectNotFound

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane rm`` takes."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="the names of objects")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also what processes have open; they go on with the object without its name",
    )
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Remove each name that nobody has open; the status is 1 where one stayed."""
    removed = [name for name in arguments.names if remove(name, arguments)]
    if arguments.json:
        say_json({"removed": removed, "kept": [name for name in arguments.names if name not in removed]})
    else:
        for name in removed:
            say(f"removed {name}")
    return 0 if len(removed) == len(arguments.names) else HELD


def remove(name: str, arguments: argparse.Namespace) -> bool:
    """Remove one name; False where living processes have the object open."""
    users = [] if arguments.force else users_of(name, arguments.directory)
    if users:
        listed = ", ".join(f"pid {user.pid} ({user.program})" for user in users[:8])
        say_error(f"memlane rm: {name!r} is open in {listed}: end them, or remove it under them with --force")
        return False
    try:
        memlane.unlink(name, directory=arguments.directory)
    except ObjectNotFound as error:
        raise missing(name, arguments.directory) from error
    return True


def users_of(name: str, directory: str | None) -> tuple[inspect.Participant, ...]:
    """Return who has an object open; nobody where it cannot be looked at: then it is damaged."""
    try:
        return inspect.look(name, directory=directory).alive
    except Error:
        return ()

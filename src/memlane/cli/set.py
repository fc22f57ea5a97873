"""``memlane set``: write a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlane.cli import given
from memlane.cli.place import add_json, add_name, add_place, advice, look, say, say_json
from memlane.errors import InvalidArgument, KindMismatch
from memlane.share import SharedAssign
from memlane.variable import HostVariable

if TYPE_CHECKING:
    import argparse
    import os

    from memlane.inspect import Object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane set`` takes."""
    add_name(parser, what="of a variable or share that exists")
    parser.add_argument("value", metavar="VALUE", help="JSON, such as 1.5 or '{\"x\": 1}'; all that is none is text")
    parser.add_argument("--text", action="store_true", help="take VALUE as text, also where it is JSON")
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the value, and say what the version is then."""
    value = given.parse(arguments.value, as_text=arguments.text)
    try:
        version = write(look(arguments), value, arguments.directory)
    except KindMismatch:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{error}; {advice(arguments.name)}") from error
    if arguments.json:
        say_json({"name": arguments.name, "version": version})
    else:
        say(f"version {version}")
    return 0


def write(item: Object, value: Any, directory: str | os.PathLike[str] | None) -> int:
    """Write the value of a variable or share, and return the version that it is then.

    Raises:
        KindMismatch: It is neither.
    """
    if item.kind == "variable":
        with HostVariable(item.name, create=False, directory=directory) as variable:
            variable.data = value
            return variable.version
    if item.kind == "share":
        with SharedAssign(item.name, mode="put", create=False, directory=directory) as share:
            share.put(value)
            return share.version
    raise KindMismatch(
        f"{item.name!r} is a {item.kind}: only variables and shares are set from here; memlane.buffer writes a buffer's"
        " parameters, `memlane call` calls a function"
    )

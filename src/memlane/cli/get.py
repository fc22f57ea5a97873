"""``memlane get``: the value of an object alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlane import inspect
from memlane.cli.depiction import depict
from memlane.cli.jsonable import jsonable
from memlane.cli.place import add_json, add_name, add_place, look, say, say_json
from memlane.errors import Empty

if TYPE_CHECKING:
    import argparse

_SHOWN = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane get`` takes."""
    add_name(parser)
    add_pickles(parser)
    add_place(parser)
    add_json(parser)


def add_pickles(parser: argparse.ArgumentParser) -> None:
    """Say what happens to pickles."""
    parser.add_argument("--load-pickles", action="store_true", help="load pickles, which runs the code that they name")


def run(arguments: argparse.Namespace) -> int:
    """Print the value; a share's value stays, and bytes of a channel stay for its reader."""
    item = look(arguments)
    if arguments.json:
        say_json(jsonable(content(item, arguments)))
    else:
        say(depict(content(item, arguments)))
    return 0


def content(item: inspect.Object, arguments: argparse.Namespace) -> Any:
    """Return what an object holds; for a function, how many calls it has."""
    place = {"directory": arguments.directory}
    if item.kind == "channel":
        return inspect.peek(item.name, 0, _SHOWN, **place)[1]
    if item.kind == "map":
        return inspect.bytes_of(item.name, 0, min(_SHOWN, item.limits["size"]), **place)
    if item.kind == "function":
        return {"waiting": item.calls_waiting, "running": item.calls_running, "answered": item.calls_done}
    return inspect.read(item.name, load_pickles=arguments.load_pickles, **place).value


def content_json(item: inspect.Object, arguments: argparse.Namespace) -> Any:
    """Return the same for programs; None where nothing was ever written."""
    try:
        return jsonable(content(item, arguments))
    except Empty:
        return None

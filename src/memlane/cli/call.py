"""``memlane call``: call a function of another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlane.cli import given
from memlane.cli.depiction import depict
from memlane.cli.jsonable import jsonable
from memlane.cli.place import HELD, add_json, add_name, add_place, advice, look, say, say_error, say_json
from memlane.errors import CallCancelled, InvalidArgument, KindMismatch, NoServer, PeerDied, Timeout, ValueTooLarge
from memlane.function import HostFunctionCaller

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane call`` takes."""
    add_name(parser, "FUNCTION", "of a function that exists")
    parser.add_argument(
        "arguments", nargs="*", metavar="ARG", help="JSON, or text; KEY=VALUE passes a keyword argument"
    )
    parser.add_argument("--text", action="store_true", help="take all arguments as text")
    parser.add_argument(
        "--timeout", type=given.seconds, default=10.0, metavar="S", help="seconds to wait at most (default: 10)"
    )
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Call, wait, and print the result; the status is 1 where the function raised."""
    item = look(arguments)
    if item.kind != "function":
        raise KindMismatch(f"{item.name!r} is a {item.kind}, not a function: `memlane get` shows what it holds")
    positional, keywords = split(arguments.arguments, as_text=arguments.text)
    with HostFunctionCaller(
        item.name, timeout=arguments.timeout, fail_fast=True, directory=arguments.directory
    ) as caller:
        try:
            result = caller.call(*positional, **keywords)
        except (Timeout, PeerDied, NoServer, CallCancelled, ValueTooLarge):
            raise  # it was not called to its end
        except Exception as error:  # whatever the function raises; that brings the traceback from there as its cause
            if isinstance(error, (TypeError, ValueError)) and error.__cause__ is None:
                raise InvalidArgument(f"{error}; {advice(item.name)}") from error
            say_error(f"memlane call: {item.name!r} raised {type(error).__name__}: {error}")
            return HELD
    if arguments.json:
        say_json(jsonable(result))
    else:
        say(depict(result))
    return 0


def split(words: list[str], *, as_text: bool) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for word in words:
        key, is_keyword, value = word.partition("=")
        if is_keyword and key.isidentifier():
            keywords[key] = given.parse(value, as_text=as_text)
        else:
            positional.append(given.parse(word, as_text=as_text))
    return positional, keywords

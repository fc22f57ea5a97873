"""The command ``memlane``: one module for each subcommand, imported when it is called.

Exit status: 0 done, 1 what the subcommand checks did not hold, 2 it could not be done.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from memlane.cli.words import suggestion
from memlane.errors import Error

if TYPE_CHECKING:
    from collections.abc import Sequence

COULD_NOT_BE_DONE = 2
INTERRUPTED = 128 + signal.SIGINT
EXTRA = {"rich": "tables in colour", "numpy": "arrays and structs decoded, with pictures of images"}
"""What the extra ``memlane[cli]`` installs, and what the command shows with it."""


class Subcommand(NamedTuple):
    """One subcommand. Its module has ``add_arguments(parser)``, and ``run(arguments)``, which returns the status."""

    module: str
    help: str


SUBCOMMANDS = {
    "bench": Subcommand("memlane.cli.bench.command", "measure how fast memlane is here, and find what slows it"),
    "call": Subcommand("memlane.cli.call", "call a function of another process and print the result"),
    "compat": Subcommand(
        "memlane.cli.compatibility", "copy the library and memlane_compat.py, for interpreters without memlane"
    ),
    "completion": Subcommand("memlane.cli.completion", "print the script by which a shell completes names"),
    "config": Subcommand("memlane.cli.config", "print where the C library and its headers lie, for compilers"),
    "demo": Subcommand(
        "memlane.demo.command", "run three processes that share values, and prove what memlane promises"
    ),
    "devices": Subcommand("memlane.devices.command", "speak with Smart Devices on serial lines, or play them"),
    "doctor": Subcommand("memlane.cli.doctor.command", "look for what is wrong with this machine, and say what to do"),
    "gc": Subcommand("memlane.cli.garbage", "remove objects made with persistent=False that no process has open"),
    "get": Subcommand("memlane.cli.get", "print the value of an object"),
    "info": Subcommand("memlane.cli.info", "tell what a recording holds, and compare it with another one"),
    "ls": Subcommand("memlane.cli.ls", "list the objects that there are"),
    "metrics": Subcommand("memlane.cli.metrics", "serve the counters of all objects to Prometheus"),
    "monitor": Subcommand("memlane.monitor.command", "serve a web page that shows what there is, live"),
    "record": Subcommand("memlane.cli.record", "record what passes through variables, shares, channels and buffers"),
    "replay": Subcommand("memlane.cli.replay", "write what was recorded again, at the times at which it came"),
    "rm": Subcommand("memlane.cli.rm", "remove objects"),
    "set": Subcommand("memlane.cli.set", "write a value"),
    "show": Subcommand("memlane.cli.show", "show all about one object: who has it open, what it holds"),
    "tail": Subcommand("memlane.cli.tail", "print the bytes that pass through a channel, without taking them"),
    "top": Subcommand("memlane.cli.top", "show how fast everything flows, again and again"),
    "watch": Subcommand("memlane.cli.watch", "print each new value of an object"),
    "who": Subcommand("memlane.cli.who", "list which process has what open, and what it holds"),
}


class Parser(argparse.ArgumentParser):
    """A parser that says which subcommand was meant, and takes its options between other arguments too."""

    _is_at_work = False

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse what is known; what calls for the subcommand's own parser cannot be intermixed."""
        if self._is_at_work or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._is_at_work = True  # what intermixes calls this method
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_at_work = False

    def error(self, message: str) -> NoReturn:
        """End with the usage, and the subcommands that are like what was given."""
        if match := re.match(r"argument SUBCOMMAND: invalid choice: '([^']*)'", message):
            hint = suggestion(match[1], SUBCOMMANDS, most=2) or f"; there are: {', '.join(SUBCOMMANDS)}"
            message = f"there is no subcommand {match[1]!r}{hint}"
        super().error(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = parser_for(given).parse_args(given)
    if arguments.version:
        from memlane import __version__  # noqa: PLC0415  (it takes a third of the time of `memlane ls`)

        print(f"memlane {__version__}")  # noqa: T201 - what was asked for
        return 0
    escape_what_output_lacks()
    try:
        return int(importlib.import_module(SUBCOMMANDS[arguments.subcommand].module).run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read the output has gone. The interpreter flushes it once more when it ends: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_BE_DONE
    except (Error, OSError) as error:
        print(f"memlane {arguments.subcommand}: {text_of(error)}", file=sys.stderr)  # noqa: T201 - a command speaks on its terminal
        return COULD_NOT_BE_DONE


def escape_what_output_lacks() -> None:
    """Let what the encoding of the output has no bytes for be escaped: half a character is none in any."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # else whoever replaced it decides
        sys.stdout.reconfigure(errors="backslashreplace")


def text_of(error: BaseException) -> str:
    """Return what an error says, without the number that an `OSError` begins with."""
    return error.strerror if isinstance(error, OSError) and error.strerror and not error.filename else str(error)


def parser_for(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; only the subcommand that was called has to say what it takes."""
    parser = Parser(prog="memlane", description="Shared memory between the processes of one machine.", epilog=advice())
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    called = next((argument for argument in argv if not argument.startswith("-")), None)
    subparsers = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required="--version" not in argv)
    for name, subcommand in SUBCOMMANDS.items():
        sentence = f"{subcommand.help[0].upper()}{subcommand.help[1:]}."  # names in it keep their capitals
        subparser = subparsers.add_parser(name, help=subcommand.help, description=sentence)
        if name == called:
            importlib.import_module(subcommand.module).add_arguments(subparser)
    return parser


def advice() -> str | None:
    """Say what the extra would add, where it is not installed."""
    missing = [gain for module, gain in EXTRA.items() if importlib.util.find_spec(module) is None]
    return f'pip install "memlane[cli]" adds: {"; ".join(missing)}.' if missing else None

"""The command ``memlane``: one module for each subcommand, imported when it is called.

Exit status: 0 done, 1 what the subcommand checks did not hold, 2 it could not be done.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

from memlane.errors import Error

if TYPE_CHECKING:
    from collections.abc import Sequence

COULD_NOT_BE_DONE = 2
INTERRUPTED = 128 + signal.SIGINT


class Subcommand(NamedTuple):
    """One subcommand. Its module has ``add_arguments(parser)``, and ``run(arguments)``, which returns the status."""

    module: str
    help: str


SUBCOMMANDS = {
    "config": Subcommand("memlane.cli.config", "print where the C library and its headers lie, for compilers"),
    "compat": Subcommand(
        "memlane.cli.compatibility", "copy the library and memlane_compat.py, for interpreters without memlane"
    ),
    "demo": Subcommand(
        "memlane.demo.command", "run three processes that share values, and prove what memlane promises"
    ),
    "devices": Subcommand("memlane.devices.command", "speak with Smart Devices on serial lines, or play them"),
    "gc": Subcommand("memlane.cli.garbage", "remove objects made with persistent=False that no process has open"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = parser_for(given).parse_args(given)
    if arguments.version:
        print(f"memlane {importlib.metadata.version('memlane')}")  # noqa: T201 - what was asked for
        return 0
    try:
        return int(importlib.import_module(SUBCOMMANDS[arguments.subcommand].module).run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read the output has gone. The interpreter flushes it once more when it ends: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_BE_DONE
    except (Error, OSError) as error:
        print(f"memlane {arguments.subcommand}: {error}", file=sys.stderr)  # noqa: T201 - a command speaks on its terminal
        return COULD_NOT_BE_DONE


def parser_for(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; only the subcommand that was called has to say what it takes."""
    parser = argparse.ArgumentParser(prog="memlane", description="Shared memory between the processes of one machine.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    called = next((argument for argument in argv if not argument.startswith("-")), None)
    subparsers = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required="--version" not in argv)
    for name, subcommand in SUBCOMMANDS.items():
        subparser = subparsers.add_parser(name, help=subcommand.help, description=f"{subcommand.help.capitalize()}.")
        if name == called:
            importlib.import_module(subcommand.module).add_arguments(subparser)
    return parser

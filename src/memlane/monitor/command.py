"""``memlane monitor``: its arguments, and what it needs."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from memlane.cli import COULD_NOT_BE_DONE
from memlane.cli.given import port
from memlane.cli.place import add_place, say, say_error

if TYPE_CHECKING:
    import argparse

REQUIRED = {"numpy": "numpy", "starlette": "starlette", "uvicorn": "uvicorn"}
"""Module and package of everything that the extra installs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane monitor`` takes."""
    parser.add_argument(
        "--port", type=port, default=8177, metavar="N", help="where to listen; 0: any free port (default: 8177)"
    )
    parser.add_argument(
        "--allow-write", action="store_true", help="let the page set variables, shares and parameters of devices"
    )
    parser.add_argument(
        "--catalog", help="a JSON or YAML file with the limits of devices (default: the catalog of the examples)"
    )
    add_place(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return 2 when something has to be installed first."""
    missing = [package for module, package in REQUIRED.items() if importlib.util.find_spec(module) is None]
    if missing:
        say_error(f'memlane monitor needs {", ".join(missing)}: pip install "memlane[monitor]"')
        return COULD_NOT_BE_DONE
    # Only now: these import what may be missing.
    from memlane.devices.command import load_catalog  # noqa: PLC0415
    from memlane.monitor.application import Options  # noqa: PLC0415
    from memlane.monitor.server import serve  # noqa: PLC0415

    options = Options(arguments.directory, load_catalog(arguments.catalog), arguments.allow_write)
    serve(options, arguments.port, _announce)
    return 0


def _announce(url: str) -> None:
    say(f"{url}\nOpen it in a browser of this machine; who has it sees all that is shared.\nCtrl-C ends it.")

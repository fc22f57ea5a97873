"""``python -m memlane.buffer stubs CATALOG`` writes a stub file for the types of a catalog."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memlane.buffer.store import BufferStore
from memlane.buffer.stubs import make_stubs
from memlane.errors import Error

if TYPE_CHECKING:
    from collections.abc import Sequence

COULD_NOT_BE_DONE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Write the stubs and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m memlane.buffer", description="Tools for catalogs of devices.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    stubs = actions.add_parser("stubs", help="write a .pyi with a class for each type of a catalog")
    stubs.add_argument("catalog", type=Path, help="a JSON or YAML file")
    stubs.add_argument("--output", type=Path, help="where to write (default: beside the catalog, with .pyi)")
    arguments = parser.parse_args(argv)
    output = arguments.output or arguments.catalog.with_name(arguments.catalog.stem.replace("-", "_") + ".pyi")
    try:
        output.write_text(make_stubs(BufferStore.make_catalog(arguments.catalog)), encoding="utf-8")
    except (Error, OSError) as error:
        print(f"memlane.buffer: {error}", file=sys.stderr)  # noqa: T201 - a command speaks on its terminal
        return COULD_NOT_BE_DONE
    print(output)  # noqa: T201 - the answer
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Let every pair of interpreters exchange values, and print the table: ``python -m tests.interop.matrix``.

    python -m tests.interop.matrix [--count 1000] [--parties 2.7,3.11,3.13,C]

Each cell has the microseconds of one exchange there and back, who asks in the row, who answers in the column. Exits 1
when an exchange fails or one of the parties is missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.interop.parties import INTERPRETERS, Party, c_program, exchange, interpreter

SURFACES = ("variable", "share")
WIDTH = 8


def gather(names: list[str], folder: Path) -> tuple[list[Party], list[str]]:
    """Find the parties; return them and the names of those that are missing."""
    found = {name: c_program(folder) if name == "C" else interpreter(name) for name in names}
    return [party for party in found.values() if party], [name for name, party in found.items() if party is None]


def cell(asker: Party, answerer: Party, surface: str, count: int) -> str:
    """Run one exchange and return what the table shows of it."""
    try:
        return f"{exchange(asker, answerer, surface, count) * 1000 / count:.0f}"
    except AssertionError as error:
        print(error, file=sys.stderr)
        return "FAILED"


def print_table(surface: str, parties: list[Party], count: int) -> bool:
    """Print one surface's table as it comes into being; return whether all went well."""
    well = True
    print(f"\n{surface}, {count} exchanges, us each; who asks below, who answers on the right")
    print(" " * WIDTH + "".join(f"{party.name:>{WIDTH}}" for party in parties))
    for asker in parties:
        cells = [cell(asker, answerer, surface, count) for answerer in parties]
        print(f"{asker.name:{WIDTH}}" + "".join(f"{text:>{WIDTH}}" for text in cells), flush=True)
        well = well and "FAILED" not in cells
    return well


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="memlane between interpreters")
    parser.add_argument("--count", type=int, default=1000, help="exchanges of each pair")
    parser.add_argument("--parties", default=",".join([*INTERPRETERS, "C"]), help="who takes part")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parties, missing = gather(arguments.parties.split(","), Path(folder))
        well = all(print_table(surface, parties, arguments.count) for surface in SURFACES)
    for name in missing:
        print(f"missing: Python {name} is not installed")
    return 0 if well and not missing else 1


if __name__ == "__main__":
    sys.exit(main())

"""Let every pair of interpreters exchange values, and print the table: ``python -m tests.interop.matrix``.

    python -m tests.interop.matrix [--count 1000] [--parties 2.7,3.11,3.13,C] [--packages FOLDER]

Each cell has the microseconds of one exchange there and back, who asks in the row, who answers in the column. Then
point clouds go back and forth between those that the real use has, and the examples of the document run. Exits 1 when
one of all this fails or one of the parties is missing. FOLDER has a folder of packages for each interpreter, by its
name: numpy, and memlane itself where it runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.interop.parties import INTERPRETERS, Party, c_program, cpp_program, exchange, interpreter, run_examples

SURFACES = ("variable", "share", "array", "map", "channel", "function")
CLOUD_PAIRS = (("2.7", "3.13"), ("3.6", "3.11"), ("pypy", "3.12"), ("2.7", "C++"))
CLOUDS = 100
WIDTH = 8


def gather(names: list[str], folder: Path, packages: Path | None) -> tuple[list[Party], list[str]]:
    """Find the parties; return them and the names of those that are missing."""
    found = {name: c_program(folder) if name == "C" else interpreter(name, packages) for name in names}
    return [party for party in found.values() if party], [name for name, party in found.items() if party is None]


def cells(asker: Party, answerer: Party, surfaces: tuple[str, ...], count: int) -> dict[str, str]:
    """Let two go through the surfaces, and return what the tables show of each."""
    try:
        taken = exchange(asker, answerer, ",".join(surfaces), count)
    except AssertionError as error:
        print(error, file=sys.stderr)
        taken = []
    shown = [f"{milliseconds * 1000 / count:.0f}" for milliseconds in taken]
    return dict(zip(surfaces, shown or ["FAILED"] * len(surfaces), strict=True))


def print_tables(parties: list[Party], count: int) -> bool:
    """Let every two exchange, and print a table for each surface; return whether all went well."""
    pairs = {(one.name, other.name): cells(one, other, SURFACES, count) for one in parties for other in parties}
    for surface in SURFACES:
        print(f"\n{surface}, {count} exchanges, us each; who asks below, who answers on the right")
        print(" " * WIDTH + "".join(f"{party.name:>{WIDTH}}" for party in parties))
        for asker in parties:
            row = [pairs[asker.name, answerer.name][surface] for answerer in parties]
            print(f"{asker.name:{WIDTH}}" + "".join(f"{text:>{WIDTH}}" for text in row), flush=True)
    return all("FAILED" not in found.values() for found in pairs.values())


def print_clouds(parties: list[Party]) -> bool:
    """Exchange clouds of 150,000 x 4 float32, compared bit by bit; return whether all went well."""
    found = {party.name: party for party in parties}
    pairs = [(found[one], found[other]) for one, other in CLOUD_PAIRS if one in found and other in found]
    print(f"\nclouds of 2.4 MB, {CLOUDS} exchanges, us each")
    results = {(one.name, other.name): cells(one, other, ("clouds",), CLOUDS)["clouds"] for one, other in pairs}
    for (one, other), text in results.items():
        print(f"{one} <-> {other}".ljust(2 * WIDTH) + f"{text:>{WIDTH}}", flush=True)
    return "FAILED" not in results.values()


def ends_well(what: str, *programs: tuple[Party, list[str]]) -> bool:
    """Let examples run, and print how they end."""
    try:
        run_examples(*programs)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        print(f"{what}: FAILED", flush=True)
        return False
    print(f"{what}: as written", flush=True)
    return True


def print_examples(parties: list[Party]) -> bool:
    """Run the document's examples in each interpreter, and that of two between old and new."""
    found = {party.name: party for party in parties if party.name in INTERPRETERS}
    print("\nthe document's examples")
    alone = [
        ends_well(f"{name}, {what}", (party, [what])) for name, party in found.items() for what in ("maps", "arrays")
    ]
    together = [
        ends_well(f"{one} <-> {other}", (found[one], ["ros_node", "20"]), (found[other], ["segmentator", "20"]))
        for one, other in CLOUD_PAIRS
        if one in found and other in found
    ]
    return all([*alone, *together])


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="memlane between interpreters")
    parser.add_argument("--count", type=int, default=1000, help="exchanges of each pair")
    parser.add_argument("--parties", default=",".join([*INTERPRETERS, "C"]), help="who takes part")
    parser.add_argument("--packages", type=Path, help="folder of packages for each interpreter")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parties, missing = gather(arguments.parties.split(","), Path(folder), arguments.packages)
        with_cpp = [*parties, cpp_program(Path(folder))]
        well = all([print_tables(parties, arguments.count), print_clouds(with_cpp), print_examples(parties)])
    for name in missing:
        print(f"missing: Python {name} is not installed")
    return 0 if well and not missing else 1


if __name__ == "__main__":
    sys.exit(main())

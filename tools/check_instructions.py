"""Count the instructions of the hot operations and compare them with their budgets.

    python tools/check_instructions.py <core/bench/operations, built>          # exit status 1 where one is over
    python tools/check_instructions.py <core/bench/operations, built> --write  # what is counted becomes the budget

Counts of callgrind are the same on a busy machine and on a slow one. They depend on the compiler, so the budgets are
those of one; another one's counts are printed and not compared. A budget is raised by a commit that says what the
instructions are for.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUDGETS = Path(__file__).resolve().parent.parent / "core" / "bench" / "instructions.txt"
TOLERANCE = 0.03
"""Minor versions of the compiler and of the C library differ by that much."""
SLACK = 0.1
"""A budget that is so far above does not guard."""
FEW = 10
"""Operations are called more often; what opens the objects is not."""


def counted(program: str) -> tuple[str, dict[str, int]]:
    """Return which compiler built the program, and the instructions of one call of each operation."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, tempfile.NamedTemporaryFile("r") as output:
        command = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={output.name}"]
        compiler = subprocess.run([*command, program, directory], check=True, stdout=subprocess.PIPE, text=True).stdout
        return compiler.strip(), costs(output.read())


def costs(profile: str) -> dict[str, int]:
    """Return what one call of each function that `main` calls costs, of what callgrind wrote."""
    names = dict(re.findall(r"^c?fn=(\(\d+\)) (.+)$", profile, re.MULTILINE))
    (main,) = (number for number, name in names.items() if name == "main")
    calls: dict[str, int] = {}
    instructions: dict[str, int] = {}
    for part in re.findall(rf"^fn={re.escape(main)}.*\n((?:(?!fn=).*\n)*)", profile, re.MULTILINE):
        for number, times, cost in re.findall(r"^cfn=(\(\d+\)).*\ncalls=(\d+) .*\n\S+ (\d+)$", part, re.MULTILINE):
            name = names[number]
            calls[name] = calls.get(name, 0) + int(times)
            instructions[name] = instructions.get(name, 0) + int(cost)
    return {name: round(instructions[name] / times) for name, times in calls.items() if times > FEW}


def budgets(text: str) -> tuple[str, dict[str, int]]:
    """Return the compiler of the budgets, and each operation's."""
    compiler, *rows = (line for line in text.splitlines() if not line.startswith("#"))
    return compiler, {name: int(count) for name, count in map(str.split, rows)}


def excesses(found: Mapping[str, int], allowed: Mapping[str, int]) -> Iterator[str]:
    """Name what is over its budget, or has none, or has one and is not counted."""
    for name in sorted(found.keys() | allowed.keys()):
        if name not in allowed:
            yield f"{name} has no budget: {BUDGETS.name} is to say {name} {found[name]}"
        elif name not in found:
            yield f"{name} has a budget and is not counted: is it in operations.c?"
        elif found[name] > allowed[name] * (1 + TOLERANCE):
            yield f"{name} takes {found[name]} instructions, its budget is {allowed[name]}"


def savings(found: Mapping[str, int], allowed: Mapping[str, int]) -> Iterator[str]:
    """Name what is far below its budget."""
    for name, count in found.items():
        if count < allowed.get(name, 0) * (1 - SLACK):
            yield f"{name} takes {count} instructions: lower its budget of {allowed[name]}, which guards nothing"


def written(text: str, compiler: str, found: Mapping[str, int]) -> str:
    """Return the page of budgets with other numbers."""
    comments = [line for line in text.splitlines() if line.startswith("#")]
    return "\n".join([*comments, compiler, *(f"{name} {count}" for name, count in found.items())]) + "\n"


def main(program: str, *, write: bool) -> int:
    """Print what was counted, and compare it."""
    compiler, found = counted(program)
    for name, count in found.items():
        print(f"{name:<16}{count:>6}")
    text = BUDGETS.read_text(encoding="utf-8")
    if write:
        BUDGETS.write_text(written(text, compiler, found), encoding="utf-8")
        return 0
    built_by, allowed = budgets(text)
    if compiler != built_by:
        print(f"not compared: this was built by {compiler}, the budgets are those of {built_by}")
        return 0
    for saving in savings(found, allowed):
        print(saving)
    over = list(excesses(found, allowed))
    print("\n".join(over) or f"all are within their budgets for {compiler}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], write="--write" in sys.argv[2:]))

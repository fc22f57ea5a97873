"""Run every test that tests/hazards.toml names for a hazard, and accept no skip.

    python tools/check_hazards.py <build of the core with its tests>

Programs and models with a session of their own (crash, soak, scribble, stress, *.pml) are left to it. Needs Python
3.11.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).resolve().parent.parent / "tests"


def named(kind: str) -> list[str]:
    """Return what the table names, each once."""
    tomllib = importlib.import_module("tomllib")  # not there in 3.10, for which types are checked
    rows = tomllib.loads((TESTS / "hazards.toml").read_text(encoding="utf-8"))["hazard"]
    return sorted({name for row in rows for name in row.get(kind, [])})


def python_shortcomings() -> Iterator[str]:
    """Run the Python tests; name each that did not pass."""
    nodes = [str(TESTS / node) for node in named("python")]
    # The older form of results carries the properties that tests record.
    report = ["-o", "junit_family=xunit1"]
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "results.xml"
        status = subprocess.run(
            [sys.executable, "-m", "pytest", *report, f"--junitxml={results}", *nodes], check=False
        ).returncode
        cases = list(ET.parse(results).iter("testcase"))  # noqa: S314  (written by our own pytest)
    for case in cases:
        for outcome in case:
            if outcome.tag in {"skipped", "failure", "error"}:
                yield f"{case.get('classname')}::{case.get('name')}: {outcome.tag}: {outcome.get('message')}"
    if status not in {0, 1}:
        yield f"pytest ended with status {status}"


def c_shortcomings(build: Path) -> Iterator[str]:
    """Run the C tests; name each that failed or skipped."""
    for program in (Path(name).stem for name in named("c") if name.endswith(".c")):
        ended = subprocess.run([str(build / program)], check=False, capture_output=True, text=True)
        lines = [line for line in ended.stdout.splitlines() if line.startswith(("skipped", "FAILED"))]
        yield from (f"{program}: {line}" for line in lines)
        if ended.returncode != 0 and not lines:
            yield f"{program}: ended with status {ended.returncode}"


def main(build: str) -> int:
    """Print what is not shown here."""
    shortcomings = [*python_shortcomings(), *c_shortcomings(Path(build))]
    print("\n".join(["", *shortcomings] if shortcomings else ["hazards: every named test passed, none was skipped"]))
    return 1 if shortcomings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

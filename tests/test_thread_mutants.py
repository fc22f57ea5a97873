"""The judge of the orders itself: what it says of a program that ThreadSanitizer watched."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

import pytest

from tests.peer import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

JUDGE = runpy.run_path(str(REPOSITORY / "core" / "tests" / "stress" / "mutants.py"))


def program(folder: Path, script: str) -> Path:
    """Return a program that notes each of its runs, and then does what the script says."""
    (folder / "runs").touch()
    path = folder / "stress"
    path.write_text(f"#!/bin/sh\necho \"$1\" >> '{folder}/runs'\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "verdict", "runs"),
    [
        (f"echo '{JUDGE['REPORT']} (pid=1)'; exit 66", "a race was reported", 1),
        ("exit 0", "silent", JUDGE["ATTEMPTS"]),
        ("exit 1", "failed without a report", JUDGE["ATTEMPTS"]),
    ],
)
def test_mutant_is_tried_until_a_race_is_reported(tmp_path: Path, script: str, verdict: str, runs: int) -> None:
    """A race has to be met; that a program failed is no proof that its race was seen."""
    outcome = JUDGE["run_until_reported"](program(tmp_path, script), "lock")

    assert outcome.verdict == verdict
    assert (tmp_path / "runs").read_text() == "lock\n" * runs


def test_mutant_that_hangs_is_said_to_hang_and_is_not_tried_again(tmp_path: Path) -> None:
    """A hang is no report of a race, and must neither end the judge nor take fifty times its watchdog."""
    outcome = JUDGE["run_until_reported"](program(tmp_path, "exec sleep 600"), "lock", watchdog_seconds=0.1)

    assert (outcome.verdict, outcome.reported) == ("no end within 0.1 s", False)
    assert (tmp_path / "runs").read_text() in ("", "lock\n")


def test_race_that_was_reported_before_a_hang_counts() -> None:
    """What was printed until the watchdog came is kept."""
    outcome = JUDGE["Outcome"]("no end within 300 s", f"begun\n{JUDGE['REPORT']} (pid=1)\n")

    assert (outcome.verdict, outcome.reported) == ("a race was reported", True)

"""What the doctor found, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memlane.cli import words
from memlane.cli.place import say

if TYPE_CHECKING:
    from collections.abc import Iterable

OK = "ok"
NOTE = "note"
PROBLEM = "problem"


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: str
    """``ok``, ``note`` (it may matter) or ``problem`` (something will not work)."""
    what: str
    """What was looked at."""
    found: str
    advice: str = ""
    """What to do; a command where there is one."""


def say_findings(findings: Iterable[Finding]) -> None:
    """Print a line for each, and below it what to do."""
    for finding in findings:
        say(f"{finding.level:<8}{finding.what + ':':<14}{words.printable(finding.found)}")
        if finding.advice:
            say(f"{'':<22}-> {words.printable(finding.advice)}")

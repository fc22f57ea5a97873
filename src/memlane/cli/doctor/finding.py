"""What the doctor found, and what to do."""

from __future__ import annotations

import shlex
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
        say(words.hanging(f"{finding.level:<8}{finding.what + ':':<14}", finding.found))
        if finding.advice:
            say(f"{'':<22}-> {words.printable(finding.advice)}")  # whole, so that it can be copied


def command_line(subcommand: str, *names: str, directory: str | None) -> str:
    """Return a command for a shell, whatever characters the names have."""
    place = () if directory is None else ("--directory", directory)
    end_of_options = ("--",) if any(name.startswith("-") for name in names) else ()
    return shlex.join(("memlane", subcommand, *place, *end_of_options, *names))

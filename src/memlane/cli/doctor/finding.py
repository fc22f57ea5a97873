"""What the doctor found, and what to do."""

from __future__ import annotations

import shlex
from typing import NamedTuple

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


def command_line(subcommand: str, *names: str, directory: str | None) -> str:
    """Return a command for a shell, whatever characters the names have."""
    place = () if directory is None else ("--directory", directory)
    end_of_options = ("--",) if any(name.startswith("-") for name in names) else ()
    return shlex.join(("memlane", subcommand, *place, *end_of_options, *names))

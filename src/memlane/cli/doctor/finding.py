"""What the doctor found, and what to do."""

from __future__ import annotations

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

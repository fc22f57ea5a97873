"""Where processes run: each role on a processor of its own, or both on one."""

from __future__ import annotations

import contextlib
import os

VARIABLE = "BENCHMARK_OTHER_PROCESSOR"


def processors(placement: str) -> tuple[int, int]:
    """Return the processor of each role: *apart* the first and the last that are allowed, *together* the first."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1 if placement == "apart" else 0]


def settle(ours: int, theirs: int) -> None:
    """Stay on a processor, in a session of one's own, which the scheduler treats as a group; note where the peer is."""
    os.setsid()
    # Needs a privilege, and a kernel with groups.
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:
        group.write("-10")
    os.sched_setaffinity(0, {ours})
    os.environ[VARIABLE] = str(theirs)


def move_to_the_other() -> None:
    """Move a server that this role started to where the other role is."""
    os.sched_setaffinity(0, {int(os.environ[VARIABLE])})


def use_both() -> None:
    """Let a program that pins itself choose among the processors of both roles."""
    os.sched_setaffinity(0, os.sched_getaffinity(0) | {int(os.environ[VARIABLE])})

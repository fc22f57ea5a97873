"""The processors: how many may be used, and how fast they run when somebody wakes up."""

from __future__ import annotations

import glob
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from memlane.cli.doctor.finding import NOTE, OK, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENOUGH = 2
_FAST_GOVERNORS = ("performance", "schedutil")


def check_processors(allowed: int | None = None, online: int | None = None) -> Iterator[Finding]:
    """Look at whether two processes can run side by side.

    Args:
        allowed: How many processors this process may use; default: as the kernel says.
        online: How many there are; default: as the kernel says.
    """
    what = "processors"
    allowed = len(os.sched_getaffinity(0)) if allowed is None else allowed
    online = os.cpu_count() or 1 if online is None else online
    if allowed >= _ENOUGH:
        yield Finding(OK, what, f"{allowed} of {online} may be used")
    elif online >= _ENOUGH:
        yield Finding(
            NOTE, what, f"1 of {online} may be used: what runs there never runs beside its peer, and each wait sleeps",
            f"taskset -c 0-{online - 1} PROGRAM; in docker: --cpuset-cpus=0-{online - 1}",
        )  # fmt: skip
    else:
        yield Finding(
            NOTE, what, "there is 1: two processes never run side by side, and each wait sleeps",
            "give the machine a second processor, where waits must be short",
        )  # fmt: skip


def check_governor(root: str = "/sys/devices/system/cpu") -> Iterator[Finding]:
    """Look at how the kernel chooses the speed of the processors, where it does."""
    governors: Counter[str] = Counter()
    for path in glob.glob(f"{glob.escape(root)}/cpu[0-9]*/cpufreq/scaling_governor"):
        with suppress(OSError), open(path, encoding="ascii") as file:  # of a processor that is switched off
            governors[file.read().strip()] += 1
    if not governors:
        return
    found = ", ".join(f"{governor} on {count}" for governor, count in sorted(governors.items()))
    if all(governor in _FAST_GOVERNORS for governor in governors):
        yield Finding(OK, "governor", found)
    else:
        yield Finding(
            NOTE, "governor", f"{found}: a processor that rested is slow when somebody wakes up",
            "cpupower frequency-set -g performance (as root)",
        )  # fmt: skip

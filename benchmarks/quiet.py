"""Whether others used the machine during a round: then it says nothing, and is repeated."""

from __future__ import annotations

import contextlib
import os
import resource
import time

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
SHARE = 0.05
"""Of the processors, what others may use; less cannot be told from the clock's ticks in a short round."""


def busy_seconds() -> float:
    """Return what the processors that may be used have worked since the machine started, for anybody."""
    total = 0
    allowed = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    with open("/proc/stat") as lines:
        for line in lines:
            name, *ticks = line.split()
            if name in allowed:
                user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, ticks[:8])
                total += user + nice + system + irq + softirq + steal
    return total * TICK_SECONDS


def children_seconds() -> float:
    """Return what the processes that this one started have taken of a processor."""
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = 0.0
    for pid in living_children():
        with contextlib.suppress(OSError):  # it ended meanwhile
            # The clock of another process: its number, inverted, above three bits that say which of its clocks.
            living += time.clock_gettime((~pid << 3) | 2)
    return reaped.ru_utime + reaped.ru_stime + living


def living_children() -> list[int]:
    """Return the processes that this one started, and has not reaped."""
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children") as children:
            found += map(int, children.read().split())
    return found


class Watch:
    """Counts what others use from its making on."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), busy_seconds(), self._own_seconds()

    @staticmethod
    def _own_seconds() -> float:
        return time.process_time() + children_seconds()

    def others_share(self, servers: float) -> float:
        """Return which part of the processors was used by others, less the clock's error.

        Args:
            servers: Seconds of processor time of those whom the children of this process started.
        """
        processors = len(os.sched_getaffinity(0))
        elapsed = time.monotonic() - self._began
        used = busy_seconds() - self._busy - servers - (self._own_seconds() - self._own)
        return max(0.0, used - processors * TICK_SECONDS) / (elapsed * processors)

"""What disturbed the measurement: other programs, the hypervisor, the limits of the container."""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING, NamedTuple

from memlane.cli.doctor.container import standing_still
from memlane.cli.doctor.finding import NOTE, OK, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 0.1
"""Of a processor. Clocks tick a hundred times a second, and a machine at rest uses some of that."""


class Use(NamedTuple):
    """Processor seconds since some time, or between two."""

    elapsed: float
    all_programs: float
    this_program: float
    stolen: float
    """What the hypervisor gave to other machines."""
    standing: float
    """For how long this program might not run, because its container had used up its time."""

    def since(self, earlier: Use) -> Use:
        """Return what was used between two times."""
        return Use(*(mine - theirs for mine, theirs in zip(self, earlier, strict=True)))


def use(root: str = "/") -> Use:
    """Return what was used until now. *root*: where /proc and /sys are mounted."""
    with open(os.path.join(root, "proc/stat"), encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:]]
    user, nice, system, _idle, _disk, interrupts, soft, stolen = ticks[:8]
    second = os.sysconf("SC_CLK_TCK")
    own = sum(
        taken.ru_utime + taken.ru_stime
        for taken in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    busy = (user + nice + system + interrupts + soft) / second
    return Use(time.monotonic(), busy, own, stolen / second, standing_still(root))


def check_disturbance(used: Use) -> Iterator[Finding]:
    """Look at what else was used between begin and end."""
    what = "meanwhile"
    others = max(0.0, used.all_programs - used.this_program) / used.elapsed
    stolen, standing = used.stolen / used.elapsed, used.standing / used.elapsed
    if others > _MOST:
        yield Finding(
            NOTE, what, f"other programs used {others:.1f} processors",
            "measure again when they rest; `top` shows which they are",
        )  # fmt: skip
    if stolen > _MOST:
        yield Finding(
            NOTE, what, f"the hypervisor gave {stolen:.1f} processors to other machines",
            "measure again later, or ask for processors of this machine's own",
        )  # fmt: skip
    if standing > 0:
        yield Finding(
            NOTE, what, f"the container had used up its time and stood still for {standing:.0%} of it",
            "docker run --cpus=2, or more; systemd: CPUQuota=200%",
        )  # fmt: skip
    if max(others, stolen) <= _MOST and standing <= 0:
        yield Finding(OK, what, f"other programs used {others:.2f} processors")

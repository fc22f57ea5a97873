"""What a container, or a service of systemd, may use: the limits of the control groups that this process is in."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from memlane.cli import words
from memlane.cli.doctor.finding import NOTE, OK, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENOUGH = 2


def check_container(path: str, root: str = "/") -> Iterator[Finding]:
    """Look at the limits of processor time and of memory.

    Args:
        path: Where objects lie: they count as memory of the group.
        root: Where /proc and /sys are mounted.
    """
    processors, memory = processor_limit(root), memory_limit(root)
    if processors is not None and processors < _ENOUGH:
        yield Finding(
            NOTE, "container",
            f"it may use {processors:g} processors: who has used that up stands still, for up to 0.1 s each time",
            "docker run --cpus=2, or more; systemd: CPUQuota=200%",
        )  # fmt: skip
    shared = os.statvfs(path)
    size = shared.f_blocks * shared.f_frsize
    if memory is not None and memory < size:
        yield Finding(
            NOTE, "container",
            f"it may use {words.size(memory)} of memory, objects included, for which {words.size(size)} are offered:"
            " who fills them is ended by the kernel, and gets no error",
            f"docker run --shm-size={memory // 2}, or more --memory",
        )  # fmt: skip
    elif processors is None or processors >= _ENOUGH:
        time = "all processors" if processors is None else f"{processors:g} processors"
        limit = "all memory" if memory is None else f"{words.size(memory)} of memory"
        yield Finding(OK, "container", f"its limits allow {time} and {limit}")


def processor_limit(root: str = "/") -> float | None:
    """Return how many processors' time the groups of this process may use; None: all."""
    texts = [*readings(root, "cpu.max"), *readings(root, "cpu.cfs_quota_us", "cpu.cfs_period_us")]
    limits = [_quota(text) for text in texts]
    return min((limit for limit in limits if limit is not None), default=None)


def _quota(text: str) -> float | None:
    used, period = text.split()
    return None if used in ("max", "-1") else int(used) / int(period)


def memory_limit(root: str = "/") -> int | None:
    """Return how many bytes the groups of this process may use; None: more than the machine has."""
    texts = [*readings(root, "memory.max"), *readings(root, "memory.limit_in_bytes")]
    limit = min((int(text) for text in texts if text != "max"), default=None)
    has = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return limit if limit is not None and limit < has else None


def standing_still(root: str = "/") -> float:
    """Return for how many seconds the groups of this process stood still because they had used up their time."""
    counts = [
        int(count) / (1e6 if name == "throttled_usec" else 1e9)
        for text in readings(root, "cpu.stat")
        for name, count in (line.split() for line in text.splitlines())
        if name in ("throttled_usec", "throttled_time")
    ]
    return max(counts, default=0.0)


def readings(root: str, *names: str) -> list[str]:
    """Return what files say in each group that this process is in, from its own to the outermost, v2 and v1.

    Where there are several, their texts have a space in between, and a group that lacks one of them says nothing.
    """
    found = []
    for folder in _groups(root):
        # The outermost group has no limits, and not every group has every controller.
        with suppress(OSError):
            found.append(" ".join(_text(os.path.join(folder, name)) for name in names))
    return found


def _text(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def _groups(root: str) -> Iterator[str]:
    try:
        with open(os.path.join(root, "proc/self/cgroup"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        mount = os.path.join(root, "sys/fs/cgroup", controllers)
        # In a container of v1 the path is the host's, and its groups above are seen as the mount itself.
        while path.strip("/"):
            yield os.path.join(mount, path.strip("/"))
            path = os.path.dirname(path.rstrip("/"))
        yield mount

"""Memory for objects: how large shared memory may become, and how much of it is left."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from memlane.cli import words
from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEBI = 1 << 20
DOCKER_BYTES = 64 * _MEBI
"""What docker gives a container's /dev/shm where nobody asked for more."""
_LEAST_FREE = 1 * _MEBI
_LEAST_PART = 0.1
_FEW_FILES = 1024


def check_space(path: str) -> Iterator[Finding]:
    """Look at the size of the file system and at what is free."""
    what = "space"
    found = os.statvfs(path)
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    where = mount_point(path)
    text = f"{words.size(free)} of {words.size(size)} are free in {where}"
    if size == 0:
        yield Finding(OK, what, f"{where} has no limit of its own")
        return
    larger = f"mount -o remount,size=1G {where} (as root); in docker: --shm-size=1g"
    if free < _LEAST_FREE:
        yield Finding(PROBLEM, what, f"{text}: new objects fail with ENOSPC", f"memlane gc, memlane rm, or {larger}")
    elif free < size * _LEAST_PART:
        yield Finding(NOTE, what, f"{text}: less than a tenth", f"memlane gc, memlane rm, or {larger}")
    elif size <= DOCKER_BYTES:
        yield Finding(NOTE, what, f"{text}: no more than docker's default, 64 MiB; images need more", larger)
    else:
        yield Finding(OK, what, text)
    if found.f_files and found.f_favail < _FEW_FILES:
        yield Finding(
            NOTE,
            what,
            f"{found.f_favail} more files can be made in {where}",
            f"mount -o remount,nr_inodes=0 {where} (as root)",
        )


def mount_point(path: str) -> str:
    """Return where the file system of a path begins."""
    at = os.path.realpath(path)
    while not os.path.ismount(at):
        at = os.path.dirname(at)
    return at


def check_limits() -> Iterator[Finding]:
    """Look at what this process may use."""
    what = "limits"
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= files < _FEW_FILES:
        yield Finding(
            NOTE,
            what,
            f"{files} open files are allowed: each endpoint takes one, two where it is polled",
            "ulimit -n 4096",
        )
    else:
        yield Finding(OK, what, f"{'any number of' if files < 0 else files} open files are allowed")
    largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if largest != resource.RLIM_INFINITY:
        yield Finding(
            PROBLEM, what, f"files may take {words.size(largest)} at most: larger objects fail", "ulimit -f unlimited"
        )
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY:
        yield Finding(
            NOTE, what, f"{words.size(space)} of addresses are allowed, mapped objects included", "ulimit -v unlimited"
        )

"""Memory for objects: how large shared memory may become, and how much of it is left."""

from __future__ import annotations

import os
import resource
import shlex
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli import words
from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding, command_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MEBI = 1 << 20
_GIBI = 1 << 30
DOCKER_BYTES = 64 * _MEBI
"""What docker gives a container's /dev/shm where nobody asked for more."""
_LEAST_FREE = 1 * _MEBI
_LEAST_PART = 0.1
_FEW_FILES = 1024
_NAMED = 3


def check_space(
    path: str, objects: Sequence[inspect.Object | inspect.Damaged], directory: str | None
) -> Iterator[Finding]:
    """Look at the size of the file system and at what is free; *objects* are those that could make room."""
    what = "space"
    found = os.statvfs(path)
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    where = mount_point(path)
    text = f"{words.size(free)} of {words.size(size)} are free in {where}"
    larger = f"mount -o remount,size={_twice(size)} {shlex.quote(where)} (as root); in docker: --shm-size=1g"
    if size == 0:
        yield Finding(OK, what, f"{where} has no limit of its own")
        return
    if free < _LEAST_FREE:
        yield Finding(PROBLEM, what, f"{text}: new objects fail with ENOSPC", _room(objects, directory) + larger)
    elif free < size * _LEAST_PART:
        yield Finding(NOTE, what, f"{text}: less than a tenth", _room(objects, directory) + larger)
    elif size <= DOCKER_BYTES:
        yield Finding(NOTE, what, f"{text}: no more than docker's default, 64 MiB; images need more", larger)
    else:
        yield Finding(OK, what, text)
    if found.f_files and found.f_favail < _FEW_FILES:
        yield Finding(
            NOTE if found.f_favail else PROBLEM,
            what,
            f"{found.f_favail} more files can be made in {where}",
            f"mount -o remount,nr_inodes=0 {shlex.quote(where)} (as root)",
        )


def _twice(size: int) -> str:
    """Return twice a size, at least 1 GiB, as mount takes it."""
    return f"{max(1, -(-2 * size // _GIBI))}G"


def _room(objects: Sequence[inspect.Object | inspect.Damaged], directory: str | None) -> str:
    """Name the largest objects that nobody has open, as a command that removes them."""
    unused = [item for item in objects if isinstance(item, inspect.Object) and not item.alive]
    largest = sorted(unused, key=lambda item: item.allocated, reverse=True)[:_NAMED]
    if not largest:
        return ""
    return f"{command_line('rm', *(item.name for item in largest), directory=directory)}, where nobody needs them, or "


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

"""The namespace directory: whose it is, who may write there, and what its file system can do."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shlex
import stat
import struct
from typing import TYPE_CHECKING

from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHAT = "namespace"
_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_EVERYBODY_WRITES = 0o002
_OFD_SETLK = getattr(fcntl, "F_OFD_SETLK", 37)  # Linux's number: some builds of Python lack the name


def check_namespace(path: str, *, named: bool) -> Iterator[Finding]:
    """Look at the directory itself.

    Args:
        path: Where it is, or would be made.
        named: Whether the user chose it: then others may read there.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        yield from _missing(path)
        yield from _parent(path)
        return
    except OSError as error:
        yield Finding(
            PROBLEM, _WHAT, f"{path} cannot be looked at: {error.strerror}", "name another one in MEMLANE_DIR"
        )
        return
    yield from _existing(path, found, named=named)
    yield from _parent(path)


def _parent(path: str) -> Iterator[Finding]:
    """Look at the directory above: whoever writes there can put another one in the place of this."""
    parent = os.path.dirname(path) or "."
    try:
        mode = stat.S_IMODE(os.stat(parent).st_mode)
    except OSError:
        return  # told as missing
    if mode & _EVERYBODY_WRITES and not mode & stat.S_ISVTX:
        yield Finding(
            PROBLEM, _WHAT, f"{parent} has mode {mode:03o}: others could put another directory in the place of {path}",
            f"chmod +t {shlex.quote(parent)} (as its owner), or name another directory in MEMLANE_DIR",
        )  # fmt: skip


def _missing(path: str) -> Iterator[Finding]:
    parent = os.path.dirname(path) or "."
    if os.path.isdir(parent) and _is_read_only(parent):
        return  # which the check of the file system tells
    if os.path.isdir(parent) and os.access(parent, os.W_OK | os.X_OK):
        yield Finding(OK, _WHAT, f"{path} is not there yet; the first object makes it")
    elif os.path.isdir(parent):
        yield Finding(
            PROBLEM, _WHAT, f"{path} is not there, and this user may not make it in {parent}",
            f"chmod 1777 {shlex.quote(parent)} (as root), or name another directory in MEMLANE_DIR",
        )  # fmt: skip
    else:
        yield Finding(
            PROBLEM,
            _WHAT,
            f"{path} is not there, nor is {parent}",
            f"mkdir -p {shlex.quote(parent)}, or name another one in MEMLANE_DIR",
        )


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _existing(path: str, found: os.stat_result, *, named: bool) -> Iterator[Finding]:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        yield Finding(
            PROBLEM, _WHAT, f"{path} is a symbolic link or no directory: somebody could lead it elsewhere",
            f"rm {shlex.quote(path)}, or name the directory itself in MEMLANE_DIR",
        )  # fmt: skip
        return
    if found.st_uid != os.geteuid() and not (named and found.st_uid == 0):
        yield Finding(
            PROBLEM, _WHAT, f"{path} belongs to user {found.st_uid}: its owner could replace objects",
            f"chown {os.geteuid()} {shlex.quote(path)} (as root), or name another directory in MEMLANE_DIR",
        )  # fmt: skip
        return
    excess = mode & (_OTHERS_WRITE if named else _OTHERS)
    if excess:
        yield Finding(
            PROBLEM, _WHAT, f"{path} has mode {mode:03o}: others could replace its objects",
            f"chmod {'go-w' if named else '700'} {shlex.quote(path)}, or ask for shared objects by mode=",
        )  # fmt: skip
    elif not os.access(path, os.W_OK | os.X_OK) and not _is_read_only(path):  # told there, too
        yield Finding(
            PROBLEM,
            _WHAT,
            f"{path} has mode {mode:03o}: this user may not make objects",
            f"chmod u+rwx {shlex.quote(path)}",
        )
    else:
        yield Finding(OK, _WHAT, f"{path} is this user's own, mode {mode:03o}")


def check_file_system(path: str) -> Iterator[Finding]:
    """Try what crash safety needs: files without a name, and byte locks that end with their owner."""
    what = "file system"
    kind = file_system_of(path)
    try:
        descriptor = os.open(path, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EACCES):
            return  # told with the space, or with the namespace
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            yield Finding(PROBLEM, what, f"{path} is on {kind}, which has no files without a name", _ELSEWHERE)
        else:
            yield Finding(PROBLEM, what, f"no file can be made in {path}: {error.strerror}", _ELSEWHERE)
        return
    try:
        fcntl.fcntl(descriptor, _OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
    except OSError as error:
        yield Finding(PROBLEM, what, f"{path} is on {kind}, where byte locks fail: {error.strerror}", _ELSEWHERE)
        return
    finally:
        os.close(descriptor)
    if kind in ("tmpfs", "hugetlbfs", "ramfs"):
        yield Finding(OK, what, f"{kind}: files without a name and byte locks work")
    else:
        yield Finding(
            NOTE, what, f"{path} is on {kind}: it works, but objects go to the disk", "choose a tmpfs for MEMLANE_DIR"
        )  # fmt: skip


_ELSEWHERE = "name a directory on a tmpfs, such as one in /dev/shm, in MEMLANE_DIR"


def file_system_of(path: str) -> str:
    """Return the type of the file system that a path is on."""
    best, kind = "", "an unknown file system"
    real = os.path.realpath(path)
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                before, _, after = line.partition(" - ")
                point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), before.split()[4])
                if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
                    best, kind = point, after.split()[0]
    except (OSError, IndexError):
        return kind
    return kind


def nearest(path: str) -> str:
    """Return the path, or the first directory above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "/"
    return path

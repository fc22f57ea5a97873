"""Children in pid and mount namespaces of their own, as containers have them; that needs rights that not all have."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.children import answer_of_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000


def call_system(function: str, *arguments: object) -> None:
    """Call a function of the C library; `OSError` when it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def unshare_mounts() -> None:
    """Leave the mounts of all others; what is mounted from here on is seen by this process and its children alone."""
    call_system("unshare", CLONE_NEWNS)
    call_system("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def mount(kind: str, directory: str | Path, options: str | None = None) -> None:
    """Mount a file system over a directory."""
    call_system("mount", kind.encode(), os.fsencode(directory), kind.encode(), 0, options and options.encode())


def answer_of_isolated_child(
    isolate: Callable[[], None], function: Callable[[], object], *, new_pids: bool = False
) -> Any:
    """Run a function in a child that was isolated first; skip the test, with the reason, where that is not allowed.

    With *new_pids* the function runs in a process that is the first of a new pid namespace.
    """

    def run() -> tuple[bool, object]:
        try:
            if new_pids:
                call_system("unshare", CLONE_NEWPID)
            isolate()
        except PermissionError as error:
            return False, str(error)
        return True, answer_of_child(function) if new_pids else function()

    isolated, answer = answer_of_child(run)
    if not isolated:
        pytest.skip(f"no namespace of its own is allowed here: {answer}")
    return answer


def answer_in_memory_of(size: str, directory: Path, function: Callable[[], object]) -> Any:
    """Run a function in a child whose namespace directory has so much memory; skip where it cannot be mounted."""

    def mount_memory() -> None:
        unshare_mounts()
        mount("tmpfs", directory, f"size={size},mode=700")

    return answer_of_isolated_child(mount_memory, function)


def fill_memory(directory: Path) -> None:
    """Write a file until nothing is left."""
    with open(directory / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))

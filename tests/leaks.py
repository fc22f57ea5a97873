"""What this process holds of the system, so that a test can be shown to have given everything back."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Holdings:
    """One look at everything that a test could leave behind."""

    files: frozenset[str]
    """In the default namespace directory."""
    descriptors: frozenset[str]
    """Open ones, each with what it refers to."""
    children: frozenset[str]
    """Process identifiers of living ones and zombies."""
    mappings: frozenset[str]
    """Of files below the directory of all namespaces, unlinked ones included."""

    @classmethod
    def now(cls, namespaces: Path, default: Path) -> Holdings:
        """Look at this process, at the files in *default*, and at mappings of files anywhere in *namespaces*."""
        return cls(
            files=frozenset(os.listdir(default)) if default.exists() else frozenset(),
            descriptors=_descriptors(),
            children=_children(),
            mappings=_mappings(namespaces),
        )

    def beyond(self, before: Holdings) -> list[str]:
        """Name what is held here and was not held *before*, one line each."""
        return [
            f"{field.name}: {_command(item) if field.name == 'children' else item}"
            for field in fields(self)
            for item in sorted(getattr(self, field.name) - getattr(before, field.name))
        ]


def _descriptors() -> frozenset[str]:
    directory = "/proc/self/fd"
    numbers = os.listdir(directory)
    # The one that listed the directory is closed by now.
    return frozenset(
        f"{number} -> {os.readlink(path)}" for number in numbers if os.path.lexists(path := f"{directory}/{number}")
    )


def _children() -> frozenset[str]:
    # Asks each thread for those that it started: a look at all processes of a machine takes longer than most tests.
    return frozenset(number for thread in os.listdir("/proc/self/task") for number in _children_of(thread))


def _children_of(thread: str) -> list[str]:
    try:
        with open(f"/proc/self/task/{thread}/children") as children:
            return children.read().split()
    except (FileNotFoundError, ProcessLookupError):
        if int(thread) == os.getpid():
            raise  # a kernel without CONFIG_PROC_CHILDREN
        return []  # ended since it was listed


# Only for who reads: that of a process that is just being started is another one in a moment.
def _command(child: str) -> str:
    try:
        command = Path("/proc", child, "cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        command = "(ended while it was looked at)"
    return f"pid {child} {command or '(zombie)'!r}"


def _mappings(namespaces: Path) -> frozenset[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return frozenset(line for line in lines if f"{namespaces}/" in line)

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
    """Living ones and zombies."""
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
            f"{field.name}: {item}"
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
    return frozenset(
        f"pid {process.name} {_command(process)!r}"
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _parent(process) == os.getpid()
    )


def _parent(process: Path) -> int | None:
    try:
        status = (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # ended since it was listed
        return None
    # The command stands in parentheses and may contain anything, parentheses included.
    _state, parent, *_rest = status.rpartition(")")[2].split()
    return int(parent)


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text().replace("\0", " ").strip() or "(zombie)"
    except (FileNotFoundError, ProcessLookupError):
        return "(ended while it was looked at)"


def _mappings(namespaces: Path) -> frozenset[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return frozenset(line for line in lines if f"{namespaces}/" in line)

"""S9: what grows with the number of readers, callers and objects, and with the size of a value."""

from __future__ import annotations

from functools import partial

from benchmarks.scenarios.actions import do
from benchmarks.scenarios.rows import Row, idle
from benchmarks.scenarios.values import do as do_with_value

KIB, MIB = 1 << 10, 1 << 20
READERS = (1, 2, 4, 8, 16, 32)
CALLERS = (1, 2, 4, 8, 16, 32)
SIZES = (8, 64, 512, 4 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB)
OBJECTS = (1, 10, 100, 1000)


def size_text(size: int) -> str:
    """Write a size."""
    for unit, factor in (("MiB", MIB), ("KiB", KIB)):
        if size >= factor:
            return f"{size // factor} {unit}"
    return f"{size} B"


def of_action(name: str, action: str, unit: str, way: str, at: float, **options: int) -> Row:
    """Return a point of a curve."""
    scale = {"ns": 1e9, "us": 1e6}[unit]
    return Row("S9", name, unit, way, (partial(do, action, scale), idle), 0, None, options, at=at)


ROWS = (
    *(
        Row(
            "S9",
            f"get, {count} readers",
            "ns",
            "crowd",
            (partial(do_with_value, "get"), idle),
            0,
            None,
            {"readers": count},
            at=count,
        )
        for count in READERS
    ),
    *(of_action(f"call, {count} callers", "call", "us", "callers", count, callers=count) for count in CALLERS),
    *(
        of_action(f"{action}, {size_text(size)}", action, "us", "sizes", size, size=size)
        for action in ("set", "get")
        for size in SIZES
    ),
    *(
        of_action(f"open and close, {count} objects", "opening and closing", "us", "among", count, objects=count)
        for count in OBJECTS
    ),
)

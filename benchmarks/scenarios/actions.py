"""S7, S11 in part, locks, the codec: what a process does by itself, each action by its name."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.scenarios.rows import Figures, Row, idle
from benchmarks.ways import VALUES

if TYPE_CHECKING:
    from benchmarks.ways import Actions, Over


def do(action: str, scale: float, end: Actions, count: int, _over: Over) -> Figures:
    """Repeat an action; an adapter's actions raise where what they read is wrong."""
    repeat = end[action]
    begin = time.perf_counter()
    repeat(count)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "value": seconds / count * scale}


def row(scenario: str, action: str, way: str, unit: str = "ns", **more: object) -> Row:
    """Return the row of an action."""
    scale = {"ns": 1e9, "us": 1e6, "ms": 1e3}[unit]
    return Row(scenario, action, unit, way, (partial(do, action, scale), idle), **more)  # type: ignore[arg-type]


ROWS = (
    *(
        row("S7", action, "devices")
        for action in (
            "get of a float",
            "set of a float",
            "transaction of 8 sets",
            "a lock and its unlock",
        )
    ),
    row("S7", "decode and update", "devices", only=("memlane",)),
    *(row("locks", action, "locks") for action in ("read lock and unlock", "write lock and unlock")),
    row("S11", "opening", "opening", "us"),
    *(row("codec", f"{direction} {name}", "codec") for name in VALUES for direction in ("encode", "decode")),
)

"""S4 and S4b: the latest value, alone and while the other role does the opposite all the time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.scenarios.rows import Figures, Row, idle

if TYPE_CHECKING:
    from benchmarks.ways import Over, Value

AT_ONCE = 50


def content(value: object) -> object:
    """Return what can be compared: of a struct of ctypes its bytes."""
    return bytes(value) if hasattr(value, "_fields_") else value  # type: ignore[call-overload]


def do(action: str, end: Value, count: int, _over: Over) -> Figures:
    """Set or get so many times; what can be got afterwards is compared."""
    repeat = end.set if action == "set" else end.get
    begin = time.perf_counter()
    repeat(count)
    seconds = time.perf_counter() - begin
    if content(end.get(1)) != content(end.expected):
        raise AssertionError(f"another value came: {end.get(1)!r}")
    return {"seconds": seconds, "value": seconds / count * 1e9}


def do_until_over(action: str, end: Value, _count: int, over: Over) -> None:
    """Set or get all the time."""
    repeat = end.set if action == "set" else end.get
    while not over(0):
        repeat(AT_ONCE)


def rows(scenario: str, way: str) -> list[Row]:
    """Return the four rows of a scenario: the role that sets is always the same one, for who allows only one writer."""
    setting, getting = partial(do, "set"), partial(do, "get")
    sets, gets = partial(do_until_over, "set"), partial(do_until_over, "get")
    return [
        Row(scenario, "set, alone", "ns", way, (setting, idle), 0),
        Row(scenario, "get, alone", "ns", way, (idle, getting), 1),
        Row(scenario, "set, contended", "ns", way, (setting, gets), 0),
        Row(scenario, "get, contended", "ns", way, (sets, getting), 1),
    ]


ROWS = (*rows("S4", "structs"), *rows("S4b", "dicts"))

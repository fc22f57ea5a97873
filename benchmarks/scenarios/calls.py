"""S5 and S5b: what a call of ``f(a, b) -> a + b`` in another process costs."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.scenarios.messages import PAUSE_SECONDS, POLLING, percentile
from benchmarks.scenarios.rows import Figures, Row

if TYPE_CHECKING:
    from benchmarks.ways import Calls, Over


def call(pause: float, end: Calls, count: int, _over: Over) -> Figures:
    """Call, and compare each result outside of what is timed."""
    found, add = [], end.call
    for number in range(count):
        begin = time.perf_counter()
        result = add(number, 2)
        found.append(time.perf_counter() - begin)
        if result != number + 2:
            raise AssertionError("another call's result")
        if pause:
            time.sleep(pause)
    seconds = sum(found) + count * pause
    return {"seconds": seconds, "value": percentile(found, 0.5) * 1e6, "p99": percentile(found, 0.99) * 1e6}


def serve(end: Calls, count: int, over: Over) -> None:
    """Answer them."""
    end.serve(count, over)


ROWS = (
    Row("S5", "f(a, b) -> a + b", "us", "calls", (partial(call, 0.0), serve)),
    Row("S5b", "f(a, b) -> a + b, asleep", "us", "calls", (partial(call, PAUSE_SECONDS), serve), without=POLLING),
)

"""Event loops: a round trip from a task of asyncio, and what endpoints that are watched take while nothing happens."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.scenarios.messages import percentile
from benchmarks.scenarios.rows import Figures, Row, idle
from benchmarks.scenarios.waiting import ROUNDS, SECONDS, share_of_a_processor

if TYPE_CHECKING:
    from benchmarks.ways import Over, Trips

SIZE = 8
PAUSE_SECONDS = 0.002


async def trips(pause: float, end: Trips, count: int) -> list[float]:
    """Make so many; an answer to another trip would show."""
    found = []
    for _ in range(count):
        if pause:
            await asyncio.sleep(pause)
        message = time.perf_counter_ns().to_bytes(SIZE, "little")
        begin = time.perf_counter()
        answer = await end.trip(message)
        found.append(time.perf_counter() - begin)
        if answer != message:
            raise AssertionError("another message came back")
    return found


def make_trips(pause: float, end: Trips, count: int, _over: Over) -> Figures:
    """Make them in the loop."""
    found = end.run(trips(pause, end, count))
    return {
        "seconds": sum(found) + count * pause,
        "value": percentile(found, 0.5) * 1e6,
        "p99": percentile(found, 0.99) * 1e6,
    }


def serve(end: Trips, count: int, over: Over) -> None:
    """Answer them."""
    end.serve(count, over)


def watch(_end: None, _count: int, _over: Over) -> Figures:
    """Let nothing happen."""
    began, used = time.monotonic(), time.process_time()
    time.sleep(SECONDS)
    return share_of_a_processor(began, used)


ROWS = (
    Row("loop", "8 B there and back", "us", "trips", (partial(make_trips, 0.0), serve)),
    Row("loop", "8 B there and back, asleep", "us", "trips", (partial(make_trips, PAUSE_SECONDS), serve)),
    Row(
        "loop", "1,000 watched endpoints, idle", "% of a core", "watched", (idle, watch), 1, count=1, most_rounds=ROUNDS
    ),
)

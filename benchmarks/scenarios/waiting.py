"""S6: what an endpoint that waits takes of a processor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.scenarios.rows import Figures, Row

if TYPE_CHECKING:
    from benchmarks.ways import Messages, Over, Waits

SECONDS = 1.0
ROUNDS = 3
SLEEPERS = ("memlane", "os.pipe", "mp.Pipe", "pyzmq", "iceoryx2", "faster-fifo", "zenoh")


def share_of_a_processor(began: float, used: float) -> Figures:
    """Return what was used since, in per cent of a processor."""
    seconds = time.monotonic() - began
    return {"seconds": seconds, "value": (time.process_time() - used) / seconds * 100}


def send_late(end: Messages, _count: int, _over: Over) -> None:
    """Let the other wait."""
    time.sleep(SECONDS)
    end.send(bytes(64))


def receive_late(end: Messages, _count: int, _over: Over) -> Figures:
    """Wait for it."""
    began, used = time.monotonic(), time.process_time()
    end.receive(64)
    return share_of_a_processor(began, used)


def wake_late(end: Waits, _count: int, _over: Over) -> None:
    """Let the other wait."""
    time.sleep(SECONDS)
    end.wake()


def wait_long(end: Waits, _count: int, _over: Over) -> Figures:
    """Wait for it."""
    began, used = time.monotonic(), time.process_time()
    end.wait()
    return share_of_a_processor(began, used)


def row(what: str) -> Row:
    """Return the row of an endpoint of memlane."""
    return Row(
        "S6",
        f"waiting for {what}",
        "% of a core",
        "waits",
        (wake_late, wait_long),
        1,
        None,
        {"what": what},
        count=1,
        most_rounds=ROUNDS,
    )


ROWS = (
    Row(
        "S6",
        "waiting for a message",
        "% of a core",
        "messages",
        (send_late, receive_late),
        1,
        count=1,
        most_rounds=ROUNDS,
        only=SLEEPERS,
    ),
    row("a value"),
    row("an array"),
    row("a call"),
)

"""A process beside this one, on a processor of its own where there are two."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def pinned(processor: int) -> Iterator[None]:
    """Stay on one processor meanwhile."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def beside(work: Callable[[], object], processor: int) -> Iterator[int]:
    """Let another process do something that does not end, and kill it in the end. Gives its process number."""
    lifeline, held = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(held)
        _work(work, processor, lifeline, parent)
    try:
        os.close(lifeline)
        # Now: an interrupt that came during the fork would be lost in what other modules do after one.
        os.write(held, b"!")
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(held)


def _work(work: Callable[[], object], processor: int, lifeline: int, parent: int) -> None:
    """Nothing leaves this function: the process must not go on as the one that it is a copy of."""
    try:
        if not os.read(lifeline, 1):
            return
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
        os.sched_setaffinity(0, {processor})
        work()
    except Exception:  # noqa: BLE001  (whatever it was, the parent waits for an answer that will not come)
        traceback.print_exc()
        if os.getppid() == parent:
            os.kill(parent, signal.SIGINT)
    finally:
        os._exit(1)


def _end_with(lifeline: int) -> None:
    """End this process when the one that holds the other end does, also when that is killed."""
    os.read(lifeline, 1)
    os._exit(1)

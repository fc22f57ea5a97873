"""What tests have to know of AddressSanitizer, which `nox -s sanitize` loads before the interpreter."""

from __future__ import annotations

import os
import threading
import time

SANITIZED = "libclang_rt" in os.environ.get("LD_PRELOAD", "")

_PATIENCE_SECONDS = 1.0
_lasting: set[str] = set()  # threads that no Thread object stands for: a library's


def _ended_threads() -> set[str]:
    running = {str(thread.native_id) for thread in threading.enumerate()}
    return set(os.listdir("/proc/self/task")) - running - _lasting


def _wait_for_ended_threads() -> None:
    """Return when each thread that has ended for Python has ended for the system too.

    Until then it may hold a lock of the allocator of clang 14's sanitizer, and a child forked meanwhile waits for that
    lock for ever: 6 of 2,558 children of an interpreter without memlane did, each forked right after a ``join``.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while ended := _ended_threads():
        if time.monotonic() > deadline:
            _lasting.update(ended)
        time.sleep(0.001)


if SANITIZED:
    os.register_at_fork(before=_wait_for_ended_threads)

"""S11: importing, and taking over a lock whose holder was killed."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.placement import move_to_the_other
from benchmarks.scenarios.messages import percentile
from benchmarks.scenarios.rows import Figures, Row, idle

if TYPE_CHECKING:
    from benchmarks.ways import Over, Recovery

DEATHS = 20
IMPORTS = 3
ROUNDS = 3
ASLEEP_SECONDS = 0.003
TIME = struct.Struct("d")


def import_milliseconds(statement: str) -> float:
    """Run an import in a fresh interpreter and return how long that took; the modules' bytecode is written before."""
    program = f"import time; begin = time.perf_counter_ns(); {statement}; print(time.perf_counter_ns() - begin)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program]
    return int(subprocess.run(command, check=True, capture_output=True, env=environment).stdout) / 1e6


def import_often(statement: str, count: int, _over: Over) -> Figures:
    """Import, each time anew; the first is left out."""
    began = time.monotonic()
    found = [import_milliseconds(statement) for _ in range(count + 1)]
    return {"seconds": time.monotonic() - began, "value": percentile(found[1:], 0.5)}


def hold_and_die(end: Recovery, held: int, clock: mmap.mmap) -> None:
    """Take the lock, let the other fall asleep on it, note the time, and die."""
    move_to_the_other()
    end.acquire()
    os.write(held, b"h")
    time.sleep(ASLEEP_SECONDS)
    clock[: TIME.size] = TIME.pack(time.monotonic())
    os.kill(os.getpid(), signal.SIGKILL)


def take_over(end: Recovery, count: int, _over: Over) -> Figures:
    """Wait for a lock whose holder is killed meanwhile; return what that takes from the kill on."""
    clock, found, began = mmap.mmap(-1, TIME.size), [], time.monotonic()
    for _ in range(count):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            hold_and_die(end, writing, clock)
        os.read(reading, 1)
        end.acquire()
        found.append(time.monotonic() - TIME.unpack(clock[: TIME.size])[0])
        end.release()
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
    figures = {"value": percentile(found, 0.5) * 1e3, "p99": percentile(found, 0.99) * 1e3}
    return {"seconds": time.monotonic() - began, **figures}


ROWS = (
    Row("S11", "import", "ms", "imports", (import_often, idle), count=IMPORTS, most_rounds=ROUNDS),
    Row("S11", "lock of a killed holder", "ms", "recovery", (take_over, idle), count=DEATHS),
)

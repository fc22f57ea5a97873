"""S10 and the limits of the machine: programs in C, which measure and print."""

from __future__ import annotations

import re
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.placement import use_both
from benchmarks.scenarios.rows import Figures, Row, idle

if TYPE_CHECKING:
    from benchmarks.ways import Over


ROUNDS = 3


def read_figures(pattern: str, text: str) -> Figures:
    """Return what a program printed: ``value``, and ``p99`` where the pattern names one."""
    found = re.search(pattern, text)
    if found is None:
        raise AssertionError(f"the program printed no {pattern!r}: {text!r}")
    return {name: float(figure) for name, figure in found.groupdict().items()}


def run(program: str, pattern: str, scale: float, folder: str, _count: int, _over: Over) -> Figures:
    """Run a program of the core's."""
    began = time.monotonic()
    command = [f"{folder}/{program}", "1024"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=use_both)
    figures = {name: figure * scale for name, figure in read_figures(pattern, done.stdout).items()}
    return {"seconds": time.monotonic() - began, **figures}


def row(scenario: str, name: str, program: str, pattern: str, unit: str = "ns") -> Row:
    """Return the row of one figure that a program prints, in nanoseconds."""
    roles = partial(run, program, pattern, {"ns": 1.0, "us": 1e-3}[unit]), idle
    return Row(scenario, name, unit, "programs", roles, count=1, most_rounds=ROUNDS)


ROWS = (
    row("S10", "1 KiB written to a variable", "bench_variable", r"write +(?P<value>[\d.]+)"),
    row("S10", "1 KiB read from a variable", "bench_variable", r"read +(?P<value>[\d.]+)"),
    row("S10", "one-way call with 1 KiB", "bench_call", r"arrival p50 (?P<value>\d+) ns, p99 (?P<p99>\d+)"),
    row("S10", "one-way call with 1 KiB, of a stream", "bench_call", r"stream (?P<value>[\d.]+)"),
    row(
        "limits",
        "64 B there and back, spinning, in C",
        "bench_limits",
        r"spinning p50 (?P<value>\d+) ns, p99 (?P<p99>\d+)",
        "us",
    ),
    row(
        "limits",
        "64 B there and back, asleep, in C",
        "bench_limits",
        r"asleep p50 (?P<value>\d+) ns, p99 (?P<p99>\d+)",
        "us",
    ),
)

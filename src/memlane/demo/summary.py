"""What a run has proved: each promise with the figure that shows it."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from memlane.demo.gaps import DEFINITION
from memlane.demo.variables import ROLES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from memlane.demo.ledger import Ledger
    from memlane.demo.supervisor import Settings

WIDTH = 80


class Outcome(NamedTuple):
    """How a run ended."""

    settings: Settings
    seconds: float
    ledger: Ledger
    kills: Counter[str]
    wrong: list[str]
    """What went wrong with the processes themselves."""
    left: list[str]
    """What was still in shared memory when all processes had ended."""
    stall: float
    """Seconds for which the machine had no time for a process that shares nothing."""


class Promise(NamedTuple):
    """Something that must hold, and what was found."""

    name: str
    figure: str
    note: str
    is_kept: bool


def promises_of(outcome: Outcome) -> Iterator[Promise]:
    """Judge a run."""
    ledger = outcome.ledger
    gap = ledger.longest_gap
    gap_ms = gap.nanoseconds / 1e6
    where = f": {gap.variable}, read by {gap.reader}" if gap.nanoseconds else ""
    yield Promise(
        "frames verified",
        f"{ledger.frames_verified:,}",
        f"by their checksums; {ledger.values_verified:,} values in all",
        ledger.frames_verified > 0,
    )
    yield Promise("torn", f"{ledger.torn:,}", "values that are not those of one write", not ledger.torn)
    yield Promise("outdated", f"{ledger.outdated:,}", "reads that missed an acknowledged write", not ledger.outdated)
    yield Promise("versions fallen", f"{ledger.fallen:,}", "below what anybody had read before", not ledger.fallen)
    yield Promise(
        "longest gap",
        f"{gap_ms:.1f} ms",
        f"of at most {outcome.settings.gap_limit_ms:g} ms{where}",
        gap_ms <= outcome.settings.gap_limit_ms,
    )
    yield Promise(
        "wrong answers",
        f"{ledger.calls.wrong:,}",
        f"of {ledger.calls.answered:,} to the controller; {ledger.calls.died:,} died with the model",
        not ledger.calls.wrong,
    )
    amiss = ledger.telemetry.wrong + ledger.telemetry.lost
    yield Promise(
        "lines amiss",
        f"{amiss:,}",
        f"lost, doubled or damaged in the channel, of {ledger.telemetry.heard:,}",
        not amiss,
    )
    yield Promise("left behind", str(len(outcome.left)), "in shared memory, after the last process", not outcome.left)
    yield Promise("failed", str(len(outcome.wrong)), "processes that did what nobody asked for", not outcome.wrong)


def print_summary(outcome: Outcome) -> bool:
    """Print what was proved; tell whether every promise was kept."""
    promises = list(promises_of(outcome))
    lines = ["", head_of(outcome), *kill_lines(outcome)]
    lines += [
        f"  {promise.name:<16} {promise.figure:>9}  {promise.note}{'' if promise.is_kept else '  <-- BROKEN'}"
        for promise in promises
    ]
    lines.append(stall_line(outcome))
    lines += textwrap.wrap(DEFINITION, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
    lines += [
        f"  {detail}"
        for detail in (*outcome.ledger.torn_reasons, *outcome.ledger.calls.reasons, *outcome.left, *outcome.wrong)
    ]
    broken = [promise.name for promise in promises if not promise.is_kept]
    lines.append(f"Broken: {', '.join(broken)}." if broken else "All promises were kept.")
    print("\n".join(lines), flush=True)  # noqa: T201 - what the command is for
    return not broken


def stall_line(outcome: Outcome) -> str:
    """Say how busy the machine was, beside the gap: no reader is faster than its processor."""
    load = f"the supervisor's own; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    return f"  {'longest stall':<16} {outcome.stall * 1000:>6.1f} ms  {load}"


def head_of(outcome: Outcome) -> str:
    """Return the first line."""
    settings = outcome.settings
    options = f"{' --cpp' if settings.programs else ''}{' --chaos' if settings.is_chaos else ''}"
    return f"memlane demo{options}: three processes, {outcome.seconds:.1f} s"


def kill_lines(outcome: Outcome) -> Iterator[str]:
    """Say, after chaos, who was killed how often."""
    if outcome.settings.is_chaos:
        each = ", ".join(f"{role} {outcome.kills[role]}" for role in ROLES)
        yield f"  {'kills':<16} {outcome.kills.total():>9}  {each}, all at work"

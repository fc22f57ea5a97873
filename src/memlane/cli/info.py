"""``memlane info``: what a recording holds, and how it compares with another one."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from memlane.cli import words
from memlane.cli.given import seconds
from memlane.cli.place import HELD, add_json, say, say_json
from memlane.cli.screen import show_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from memlane.recording import Comparison, Contents

_NANOSECONDS = 1e9
_MOST = 0.99


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane info`` takes."""
    parser.add_argument("file", metavar="FILE", help="a recording")
    parser.add_argument("names", nargs="*", metavar="NAME", help="objects to tell of, such as 'cam*' (default: all)")
    parser.add_argument(
        "--compare", metavar="OTHER", help="a recording of the replay of FILE: compare values and times"
    )
    parser.add_argument(
        "--within", type=seconds, metavar="S", help="with --compare: 99 of 100 must come within S seconds of their time"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell what there is; with ``--compare`` the status is 1 where the two differ."""
    from memlane.recording import Recording, compare  # noqa: PLC0415  (of the extra)

    if arguments.compare is not None:
        return tell_difference(compare(arguments.file, arguments.compare, arguments.names), arguments)
    recording = Recording(arguments.file)
    contents = recording.contents(arguments.names)
    size = os.stat(arguments.file).st_size
    if arguments.json:
        objects = [entry_json(entry) for entry in contents]
        say_json({"file": arguments.file, "size": size, "complete": recording.is_complete, "objects": objects})
        return 0
    say(f"{arguments.file}: {words.size(size)}, {span(contents)}")
    if not recording.is_complete:
        say("never finished: its recorder was killed, or still runs; what it had not written yet is missing")
    if contents:
        show_table(
            ("NAME", "KIND", "SAMPLES", "MISSED", "BYTES", "PER s"),
            [row(entry) for entry in contents],
            wrong=[number for number, entry in enumerate(contents) if entry.missed],
        )
    return 0


def span(contents: Sequence[Contents]) -> str:
    """Say when it was recorded, and how long."""
    if not contents:
        return "without a sample"
    first, last = min(entry.first for entry in contents), max(entry.last for entry in contents)
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first / _NANOSECONDS))
    return f"{words.duration((last - first) / _NANOSECONDS)} from {began} on"


def row(entry: Contents) -> tuple[str, ...]:
    """Return the line of one object."""
    lasted = (entry.last - entry.first) / _NANOSECONDS
    unit = " bytes" if entry.description.kind == "channel" and entry.missed else ""
    return (
        entry.description.name,
        entry.description.kind,
        str(entry.samples),
        f"{entry.missed}{unit}",
        words.size(entry.bytes),
        words.rate(entry.samples / lasted if lasted else None),
    )


def entry_json(entry: Contents) -> dict[str, object]:
    """Return the same for programs."""
    description = entry.description
    return {
        **description.metadata(),
        "samples": entry.samples,
        "missed": entry.missed,
        "bytes": entry.bytes,
        "first": entry.first / _NANOSECONDS,
        "last": entry.last / _NANOSECONDS,
    }


def tell_difference(found: Sequence[Comparison], arguments: argparse.Namespace) -> int:
    """Say how the recording of a replay compares; return the status."""
    from memlane.recording import late_at  # noqa: PLC0415  (of the extra)

    late = late_at(found, _MOST)
    if arguments.json:
        say_json({"late_p99": late, "objects": [difference_json(entry) for entry in found]})
    else:
        show_table(
            ("NAME", "KIND", "SAME", "DIFFERENT", "UNSEEN", "P50", "P99", "MOST", "MADE"),
            [difference_row(entry) for entry in found],
            wrong=[number for number, entry in enumerate(found) if not entry.is_same],
        )
        say(f"99 of 100 came within {words.latency(late)} of their time")
    is_late = arguments.within is not None and late is not None and late > arguments.within
    return HELD if is_late or not all(entry.is_same for entry in found) else 0


def difference_json(entry: Comparison) -> dict[str, object]:
    """Return how one object compares, for programs; times in seconds."""
    return {
        "name": entry.name,
        "kind": entry.kind,
        "same": entry.same,
        "different": entry.different,
        "unseen": entry.unseen,
        "described_alike": entry.described_alike,
        "late_p50": entry.late_at(0.5),
        "late_p99": entry.late_at(_MOST),
        "late_max": entry.late_at(1.0),
    }


def difference_row(entry: Comparison) -> tuple[str, ...]:
    """Return the line of one object; times are how early or late it came."""
    return (
        entry.name,
        entry.kind,
        str(entry.same),
        str(entry.different),
        str(entry.unseen),
        *(words.latency(entry.late_at(part)) for part in (0.5, _MOST, 1.0)),
        "alike" if entry.described_alike else "otherwise",
    )

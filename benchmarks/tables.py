"""Tables for a terminal: medians, spread, and how many times as good memlane is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.registry import MEMLANE
from benchmarks.results import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import Line


def table(line: Line) -> Iterator[str]:
    """Give the lines of one row's table, the best first."""
    yield f"{line.scenario}: {line.name}, {line.unit}"
    order = sorted(line.peers.items(), key=lambda item: item[1].median, reverse=line.more_is_better)
    for peer, found in order:
        late = "" if found.late is None else f"p99 {number(found.late)}"
        ratio = line.ratio(peer)
        against = "" if ratio is None or peer == MEMLANE else f"memlane {number(ratio)} x"
        disturbed = f"{found.disturbed} of {len(found.value)} disturbed" if found.disturbed else ""
        figures = f"{peer:22} {number(found.median):>9}  {late:>11}  {against:>14}"
        yield f"  {figures}  ({found.spread})  {disturbed}".rstrip()
    for peer, error in line.failed.items():
        yield f"  {peer:22} failed: {error}"

"""What is measured: the rows of every scenario, in the order of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.scenarios import (
    actions,
    arrays,
    calls,
    event_loops,
    growth,
    messages,
    programs,
    starting,
    values,
    waiting,
)

if TYPE_CHECKING:
    from benchmarks.scenarios.rows import Row


def place(row: Row) -> tuple[int, str]:
    """Order S1 before S1b before S2, and what has no number last."""
    number = row.scenario[1:].rstrip("b")
    return (int(number) if number.isdigit() else 99, row.scenario)


MODULES = (messages, arrays, values, calls, waiting, actions, growth, programs, starting, event_loops)
ROWS = sorted((row for module in MODULES for row in module.ROWS), key=place)

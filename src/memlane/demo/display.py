"""How a run looks while it goes on: a live table in a terminal, else one line a second."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol, final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from memlane.demo.figures import Figures, ProcessState, Row

COLUMNS = ("variable", "read by", "writes/s", "kB/s", "age", "reads/s", "skipped", "p50", "p99", "gap")
TEXT_COLUMNS = 2
CAPTION = "age, gap, and p50 and p99 of the latency in ms"
PLAIN_WIDTH = 80


class Display(Protocol):
    """Shows figures; a context manager, so that a terminal is left as it was found."""

    period: float
    """Seconds between two looks."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def show(self, figures: Figures) -> None:
        """Show the figures of this moment."""

    def finish(self, figures: Figures) -> None:
        """Show the figures of the end, as a table that stays."""


def choose_display() -> Display:
    """Return the live table where somebody looks at a terminal that can move its cursor, else plain lines."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    can_move = os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}
    return LiveTable() if is_terminal and can_move else PlainLines()


@final
class LiveTable:
    """The table, drawn anew in place."""

    period = 0.25

    def __init__(self) -> None:
        self._live = Live(auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        self._live.update(Text("starting the processes: they import numpy and scikit-image"), refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, figures: Figures) -> None:
        """Draw the table."""
        head = Text(headline(figures), style="bold")
        below = Text("\n".join((call_line(figures), telemetry_line(figures))))
        self._live.update(Group(head, Text(process_line(figures)), table_of(figures.rows), below), refresh=True)

    def finish(self, figures: Figures) -> None:
        """Draw the table for the last time."""
        self.show(figures)


@final
class PlainLines:
    """A line of text each second, and the table at the end."""

    period = 1.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def show(self, figures: Figures) -> None:
        """Print a line."""
        rates = {row.variable: f"{row.variable} {row.write_rate:.0f}/s" for row in figures.rows}
        print(f"{headline(figures)}; {', '.join(rates.values())}", flush=True)  # noqa: T201 - the display

    def finish(self, figures: Figures) -> None:
        """Print the table."""
        console = Console(width=PLAIN_WIDTH, force_terminal=False, color_system=None)
        console.print(table_of(figures.rows))
        console.print(Text("\n".join((call_line(figures), telemetry_line(figures)))))


def headline(figures: Figures) -> str:
    """Return the figures that matter most, in one line."""
    return (
        f"{figures.seconds:5.1f} s  {figures.frames_verified:,} frames verified, {figures.torn} torn,"
        f" {figures.kills} kills, longest gap {figures.longest_gap.nanoseconds / 1e6:.0f} ms"
    )


def call_line(figures: Figures) -> str:
    """Return the figures of the function."""
    calls = figures.calls
    return (
        f" segment()  {calls.rate:.0f} answers/s, p50 {milliseconds(calls.median)} ms,"
        f" p99 {milliseconds(calls.percentile_99)} ms; {calls.died:,} died with the model"
    )


def telemetry_line(figures: Figures) -> str:
    """Return what the channel brought."""
    return f" telemetry  {figures.lines_heard:,} lines, the last one: {figures.last_line or '-'}"


def process_line(figures: Figures) -> str:
    """Return the state of each process."""
    return "         " + "  ".join(map(state_of, figures.processes))


def state_of(process: ProcessState) -> str:
    """Say what a process is doing."""
    state = f"up {process.seconds:.1f} s" if process.is_ready else "starting"
    return f"{process.role} {process.life}: {state:9}"


def table_of(rows: list[Row]) -> Table:
    """Return the table of all variables and their readers."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False, caption=CAPTION)
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if place < TEXT_COLUMNS else "right", no_wrap=True)
    former = ""
    for row in rows:
        table.add_row(*cells_of(row, is_first=row.variable != former))
        former = row.variable
    return table


def cells_of(row: Row, *, is_first: bool) -> list[str]:
    """Return the texts of a row; what belongs to the variable itself only in its first one."""
    of_variable = [row.variable, f"{row.write_rate:.0f}", f"{row.byte_rate / 1e3:,.0f}", milliseconds(row.age)]
    name, *written = of_variable if is_first else [""] * len(of_variable)
    times = map(milliseconds, (row.median, row.percentile_99, row.longest_gap))
    return [name, row.reader, *written, f"{row.read_rate:.0f}", str(row.skipped), *times]


def milliseconds(seconds: float | None) -> str:
    """Return a time as text."""
    return "-" if seconds is None else f"{seconds * 1000:.3g}" if seconds < 1 else f"{seconds * 1000:.0f}"

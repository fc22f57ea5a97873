"""Tables on terminals: with rich where it is installed, plain elsewhere."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING

from memlane.cli.place import has_colours, say
from memlane.cli.words import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "
_WIDEST = 24  # characters of a cell that stays on one line; arbitrary
_HOME_AND_CLEAR = "\x1b[H\x1b[J"


def is_rich() -> bool:
    """Say whether the extra is installed."""
    return importlib.util.find_spec("rich") is not None


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, wrong: Sequence[int] = ()) -> None:
    """Print a table; the rows whose numbers are *wrong* stand out."""
    say(table_text(heads, rows, wrong=wrong))


def table_text(heads: Sequence[str], rows: Sequence[Sequence[str]], *, wrong: Sequence[int] = ()) -> str:
    """Return a table for this terminal, or for a file."""
    clean = [[printable(cell) for cell in row] for row in rows]
    if has_colours() and is_rich():
        return _coloured(heads, clean, wrong)
    return plain_table(heads, clean)


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table without colours; the last column is as long as it likes."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = (_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows))
    return "\n".join(line.rstrip() for line in lines)


def _coloured(heads: Sequence[str], rows: Sequence[Sequence[str]], wrong: Sequence[int]) -> str:
    from rich.console import Console  # noqa: PLC0415  (of the extra)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for place, (head, *cells) in enumerate(zip(heads, *rows, strict=True), 1):
        # Numbers stay whole, so that the last column gets what is left of the line.
        wraps = place == len(heads) or max(map(len, cells), default=0) > _WIDEST
        table.add_column(head, overflow="fold", no_wrap=not wraps)
    for number, row in enumerate(rows):
        # As Text: names are not markup.
        table.add_row(*(Text(cell) for cell in row), style="red" if number in wrong else "")
    console = Console(width=shutil.get_terminal_size().columns, force_terminal=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n")


def redraw(text: str) -> None:
    """Print a screen in place of the last one."""
    print(_HOME_AND_CLEAR + text, flush=True)  # noqa: T201 - the answer

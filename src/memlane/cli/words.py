"""Numbers, times and names, as people read them."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_KIBI = 1024
_THOUSAND = 1000
_TEN = 10
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_POWERS = ("", "k", "M", "G")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WIDTH = 80
NOTHING = "-"


def size(count: int | None) -> str:
    """Return a number of bytes in a unit that fits: ``4.0 KiB``."""
    if count is None:
        return NOTHING
    amount, unit = float(count), 0
    while amount >= _KIBI and unit < len(_UNITS) - 1:
        amount, unit = amount / _KIBI, unit + 1
    return f"{count} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def rate(per_second: float | None) -> str:
    """Return how often something happens in a second: ``1.2k``."""
    if not per_second:
        return NOTHING if per_second is None else "0"
    amount, unit = per_second, 0
    while amount >= _THOUSAND and unit < len(_POWERS) - 1:
        amount, unit = amount / _THOUSAND, unit + 1
    return f"{amount:.{1 if amount < _TEN or unit else 0}f}{_POWERS[unit]}"


def duration(seconds: float | None) -> str:
    """Return a time span in two units at most: ``3 h 12 min``."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def latency(seconds: float | None) -> str:
    """Return the time of a call: ``41 us``."""
    if seconds is None:
        return NOTHING
    if seconds < 1e-6:  # noqa: PLR2004  (a microsecond)
        return f"{seconds * 1e9:.0f} ns"
    if seconds < 1e-5:  # noqa: PLR2004  (ten of them)
        return f"{seconds * 1e6:.1f} us"
    if seconds < 1e-3:  # noqa: PLR2004  (a millisecond)
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def suggestion(given: str, known: Iterable[str], most: int = 3) -> str:
    """Return ``; did you mean 'pose'?``, or nothing."""
    import difflib  # noqa: PLC0415  (only who mistypes needs it)

    close = difflib.get_close_matches(given, known, n=most)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def hanging(head: str, text: str) -> str:
    """Return a text behind a head, whose further lines begin below its first; words stay whole."""
    return textwrap.fill(
        printable(text), _WIDTH, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def printable(text: str) -> str:
    """Return a text without anything that a terminal would obey, whoever wrote it."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)

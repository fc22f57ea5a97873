"""Sizes as people write them: ``"5M"``."""

from __future__ import annotations

import operator
import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_FORM = re.compile(r"([0-9]+)([KMG]?)", re.ASCII | re.IGNORECASE)
_FORMS = 'give bytes as an integer from 1 up, or as text such as "4096", "5K", "5M" or "1G" (K is 1,024)'


def parse_size(size: int | str) -> int:
    """Return a size in bytes.

    Args:
        size: Bytes, or text: digits, and a unit K, M or G of any case, or none.

    Raises:
        TypeError: *size* is neither an integer nor text.
        ValueError: It is no size, or not positive.
    """
    bytes_asked_for = _parse_text(size) if isinstance(size, str) else _parse_number(size)
    if bytes_asked_for < 1:
        raise ValueError(f"size={size!r} is not positive: {_FORMS}")
    return bytes_asked_for


def _parse_text(size: str) -> int:
    found = _FORM.fullmatch(size)
    if found is None:
        raise ValueError(f"size={size!r} is no size: {_FORMS}")
    return int(found[1]) * _UNITS[found[2].upper()]


def _parse_number(size: int) -> int:
    if isinstance(size, bool):
        raise TypeError(f"size={size!r} is no size: {_FORMS}")
    try:
        return operator.index(size)
    except TypeError:
        raise TypeError(f"size={size!r} is no size: {_FORMS}") from None

"""Values as Python writes them, also where it refuses: integers of thousands of digits, which anybody can write."""

from __future__ import annotations

import pprint
from typing import Any

_LONGEST_BITS = 2048
"""Of an integer that Python writes in decimals, whatever its limit is: that of digits is at least 640."""
_UNBROKEN = 1 << 40


def integer(value: int) -> int | str:
    """Return an integer, or its hexadecimal text where Python may refuse to write its digits."""
    return value if value.bit_length() <= _LONGEST_BITS else hex(value)


def plainly(value: Any, width: int = _UNBROKEN) -> str:
    """Return the text that Python has for a value, with long integers in hexadecimal.

    Args:
        value: Anything.
        width: Characters of a line at most, where the value can be broken.
    """
    return _Printer(width=width, sort_dicts=False).pformat(value)


def key_text(key: Any) -> str:
    """Return what a key of a dict is called where only text can stand."""
    return key if isinstance(key, str) else plainly(key)


class _Printer(pprint.PrettyPrinter):
    def format(self, object: Any, *rest: Any) -> tuple[str, bool, bool]:  # noqa: A002  (pprint's word)
        if isinstance(object, int) and isinstance(shown := integer(object), str):
            return shown, True, False
        return super().format(object, *rest)

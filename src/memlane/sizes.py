"""Sizes of objects, as callers give them."""

from __future__ import annotations

import operator
import re

_FORM = re.compile(r"(?P<count>[0-9]+)(?P<unit>[KMGkmg]?)")
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size_in_bytes(size: int | str, what: str) -> int:
    """Return a size in bytes.

    Args:
        size: A number of bytes, or a text such as ``"5000"``, ``"5K"``, ``"5M"`` or ``"1G"``, in capitals or not; K, M
            and G are powers of 1,024.
        what: The object, for the error.

    Raises:
        ValueError: It is no size, or not positive.
        TypeError: It is neither a whole number nor a text.
    """
    forms = "give a whole number of bytes from 1 up, or a text such as '5000', '5K', '5M' or '1G'"
    if isinstance(size, str):
        match = _FORM.fullmatch(size.strip())
        count = int(match["count"]) * _BYTES[match["unit"].upper()] if match else 0
    elif isinstance(size, float):
        count = 0
    elif isinstance(size, bool):
        raise TypeError(f"{what}: size={size!r} is no size: {forms}")
    else:
        try:
            count = operator.index(size)
        except TypeError:
            raise TypeError(f"{what}: size={size!r} is no size: {forms}") from None
    if count < 1:
        raise ValueError(f"{what}: size={size!r} is no size: {forms}")
    return count

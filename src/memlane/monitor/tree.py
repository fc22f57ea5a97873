"""Values as trees of what JSON has: bounded, whatever somebody wrote, and with the text of every number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from memlane.cli.pictures import statistics
from memlane.cli.plainly import integer, key_text, plainly
from memlane.inspect import Pickled
from memlane.monitor.pictures import views_of

_DEEPEST = 8
_ITEMS = 64
_NODES = 2000
_TEXT = 2000
_BYTES = 512
_ELEMENTS = 16
"""Of an array that is shown as its elements."""
_LINE = 400
"""Elements of a one-dimensional array that are drawn as a line."""
_DISASSEMBLY = 1 << 16
_SAFE = 1 << 53
"""From here on, a number of JavaScript skips integers."""


def tree(value: Any) -> dict[str, Any]:
    """Return what the page shows of a value."""
    return _Grower().grow(value, 0)


class _Grower:
    """Makes nodes, until there are too many."""

    def __init__(self) -> None:
        self._left = _NODES

    def grow(self, value: Any, depth: int) -> dict[str, Any]:  # noqa: PLR0911  (one for each kind of value)
        self._left -= 1
        if hasattr(value, "dtype"):  # before numbers: some of numpy's are floats too, and print differently
            return self._of_numpy(value, depth)
        if value is None or isinstance(value, bool):
            return {"is": "word", "text": {None: "null", True: "true", False: "false"}[value]}
        if isinstance(value, (int, float)):
            return _number(value)
        if isinstance(value, str):
            return {"is": "text", "text": value[:_TEXT], "length": len(value)}
        if isinstance(value, (bytes, bytearray)):
            return {"is": "bytes", "size": len(value), "hex": bytes(value[:_BYTES]).hex()}
        if isinstance(value, Pickled):
            return _pickle(value)
        if isinstance(value, Mapping):
            return self._branch("fields", [(key_text(key)[:_TEXT], item) for key, item in value.items()], depth)
        if isinstance(value, (list, tuple)):
            return self._branch("items", [(str(index), item) for index, item in enumerate(value)], depth)
        return {"is": "word", "text": plainly(value)[:_TEXT]}

    def _branch(self, kind: str, pairs: list[tuple[str, Any]], depth: int) -> dict[str, Any]:
        shown = pairs[: min(_ITEMS, max(self._left, 0))] if depth < _DEEPEST else []
        parts = [[name, self.grow(item, depth + 1)] for name, item in shown]
        return {"is": kind, "parts": parts, "length": len(pairs)}

    def _of_numpy(self, value: Any, depth: int) -> dict[str, Any]:
        names = value.dtype.names
        if value.ndim == 0 and names:
            return self._branch("fields", [(name, value[name]) for name in names], depth)
        if value.ndim == 0:
            plain = value.item()
            if hasattr(plain, "dtype"):  # Python has no longdouble
                return {"is": "word", "text": str(value)}
            return self.grow(plain, depth)
        node: dict[str, Any] = {
            "is": "array",
            "shape": list(value.shape),
            "dtype": str(value.dtype)[:_TEXT],
            "bytes": int(value.nbytes),
            "statistics": {name: _number(number) for name, number in statistics(value).items()},
            "views": views_of(value),
        }
        if value.size <= _ELEMENTS:
            elements = value.reshape(-1)
            node["parts"] = [[str(index), self.grow(elements[index], depth + 1)] for index in range(len(elements))]
        elif "line" in node["views"]:
            step = -(-value.size // _LINE)
            node["line"] = [finite(float(number)) for number in value[::step].tolist()]
            node["step"] = step
        return node


def _number(number: float) -> dict[str, Any]:
    """Return a number: for the eye as a text, and to draw where JavaScript has it."""
    text = str(integer(number)) if isinstance(number, int) else repr(number)
    is_exact = abs(number) < _SAFE if isinstance(number, int) else math.isfinite(number)
    return {"is": "number", "text": text[:_TEXT], "number": number if is_exact else None}


def finite(number: float) -> float | None:
    """Return a number that JSON has, or None."""
    return number if math.isfinite(number) else None


def _pickle(value: Pickled) -> dict[str, Any]:
    return {
        "is": "pickle",
        "size": len(value.head),
        "buffers": len(value.buffers),
        "needs": [name[:_TEXT] for name in value.needs[:_ITEMS]],
        "disassembly": value.disassemble()[:_DISASSEMBLY],
    }

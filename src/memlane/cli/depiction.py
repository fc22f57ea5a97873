"""Values, as a terminal shows them."""

from __future__ import annotations

from typing import Any

from memlane.cli.pictures import looks_like_an_image, picture, statistics
from memlane.cli.place import has_colours
from memlane.cli.plainly import plainly
from memlane.cli.words import printable, size
from memlane.inspect import Pickled

_WIDTH = 80
_BYTES_SHOWN = 256
_LINE = 16
_ROWS_SHOWN = 24
_IMAGE_DIMENSIONS = 3
_FEW = 64
"""Elements of an array that a dict shows one by one."""


def depict(value: Any) -> str:
    """Return the text for a value; nothing in it commands the terminal."""
    if isinstance(value, Pickled):
        return _pickle_text(value)
    if isinstance(value, (bytes, bytearray)):
        return hex_dump(bytes(value))
    if _is_array(value):
        return _array_text(value)
    if hasattr(value, "dtype") and value.dtype.names:
        value = {name: value[name] for name in value.dtype.names}
    if isinstance(value, dict):
        return _dict_text(value)
    return value if isinstance(value, str) and value.isprintable() else plainly(value, _WIDTH)


def _dict_text(value: dict[Any, Any]) -> str:
    """Return the small items as Python writes them, and below each array that is large."""
    large = {name: item for name, item in value.items() if _is_array(item) and item.size > _FEW}
    small = {name: _without_arrays(item) for name, item in value.items() if name not in large}
    parts = [plainly(small, _WIDTH)] if small or not large else []
    return "\n".join([*parts, *(f"{printable(str(name))}: {_array_text(item)}" for name, item in large.items())])


def _is_array(value: Any) -> bool:
    return bool(getattr(value, "ndim", 0)) and hasattr(value, "dtype")


def _without_arrays(value: Any) -> Any:
    """Return a value within a dict, with lists for small arrays and words for large ones."""
    if isinstance(value, dict):
        return {name: _without_arrays(item) for name, item in value.items()}
    if not hasattr(value, "dtype"):
        return value
    if value.ndim == 0 and value.dtype.names:
        return {name: _without_arrays(value[name]) for name in value.dtype.names}
    return value.tolist() if value.size <= _FEW else _array_head(value)


def _array_head(array: Any) -> str:
    shape = " x ".join(map(str, array.shape))
    return f"array of {shape} {array.dtype}, {size(array.nbytes)}"


def _array_text(array: Any) -> str:
    lines = [_array_head(array)]
    found = statistics(array)
    if found:
        lines.append(", ".join(f"{name} {number:.6g}" for name, number in found.items()))
    first = array
    while first.ndim > _IMAGE_DIMENSIONS:
        first = first[0]
    if looks_like_an_image(first):
        lines += [] if first is array else [f"the first of {array.size // first.size} images:"]
        lines.append(picture(first, colours=has_colours()))
    else:
        rows = str(array).splitlines()
        lines += rows if len(rows) <= _ROWS_SHOWN else [*rows[:_ROWS_SHOWN], "..."]
    return "\n".join(lines)


def _pickle_text(value: Pickled) -> str:
    needs = ", ".join(map(printable, value.needs)) or "nothing but plain Python"
    beside = f" and {len(value.buffers)} buffers beside it" if value.buffers else ""
    return (
        f"a pickle of {size(len(value.head))}{beside}, not loaded: that would run code (--load-pickles does)\n"
        f"it needs: {needs}\n{value.disassemble().rstrip()}"
    )


def hex_dump(content: bytes, start: int = 0) -> str:
    """Return bytes as numbers and as text, 16 in a line."""
    lines = []
    for at in range(0, min(len(content), _BYTES_SHOWN), _LINE):
        line = content[at : at + _LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)  # noqa: PLR2004  (printable ASCII)
        lines.append(f"{start + at:08x}  {line.hex(' '):<47}  |{text}|")
    if len(content) > _BYTES_SHOWN:
        lines.append(f"... {len(content) - _BYTES_SHOWN} bytes more")
    return "\n".join(lines) or "no bytes"

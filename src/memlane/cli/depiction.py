"""Values, as a terminal shows them."""

from __future__ import annotations

import pprint
from typing import Any

from memlane.cli.pictures import looks_like_an_image, picture, statistics
from memlane.cli.place import has_colours
from memlane.cli.words import printable, size
from memlane.inspect import Pickled

_WIDTH = 80
_BYTES_SHOWN = 256
_LINE = 16


def depict(value: Any) -> str:
    """Return the text for a value; nothing in it commands the terminal."""
    if isinstance(value, Pickled):
        return _pickle_text(value)
    if isinstance(value, (bytes, bytearray)):
        return hex_dump(bytes(value))
    if hasattr(value, "dtype") and value.ndim:
        return _array_text(value)
    if hasattr(value, "dtype") and value.dtype.names:
        return pprint.pformat(
            {name: value[name].tolist() for name in value.dtype.names}, width=_WIDTH, sort_dicts=False
        )
    return (
        value
        if isinstance(value, str) and value.isprintable()
        else pprint.pformat(value, width=_WIDTH, sort_dicts=False)
    )


def _array_text(array: Any) -> str:
    shape = " x ".join(map(str, array.shape))
    lines = [f"array of {shape} {array.dtype}, {size(array.nbytes)}"]
    found = statistics(array)
    if found:
        lines.append(", ".join(f"{name} {number:.6g}" for name, number in found.items()))
    if looks_like_an_image(array):
        lines.append(picture(array, colours=has_colours()))
    else:
        lines.append(str(array))
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

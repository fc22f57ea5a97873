"""Arrays as pictures: pixels of those that look like images, points of those that look like clouds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memlane.cli.pictures import NUMBERS, looks_like_an_image, spread
from memlane.cli.plainly import key_text

_LARGEST = 640
"""Pixels of a picture's longer side."""
_POINTS = 20_000
_WHITE = 255
_FLAT, _ROWS = 1, 2
_COLOURS, _CHANNELS = 3, 4


def views_of(array: Any) -> list[str]:
    """Say how an array can be drawn: as an ``image``, a ``cloud`` of points, a ``line``.

    ``flat``: as an image too, of a shape that somebody has to say.
    """
    if array.dtype.kind not in NUMBERS or array.size == 0:
        return []
    if array.ndim == _FLAT:
        return ["line", "flat"]
    if array.ndim == _ROWS and array.shape[1] in (3, 4):
        return ["cloud"]
    return ["image"] if looks_like_an_image(array) else []


def part_of(value: Any, path: Sequence[str]) -> Any:
    """Return the part of a value that the names and numbers of a path lead to.

    Raises:
        LookupError: There is none.
    """
    for name in path:
        value = _step(value, name)
    return value


def _step(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key_text(key): item for key, item in value.items()}[name]
    return value[name] if getattr(getattr(value, "dtype", None), "names", None) else value[int(name)]


def pixels(array: Any, shape: Sequence[int] | None = None) -> tuple[int, int, bytes]:
    """Return width, height, and red, green, blue and alpha of each pixel of an image that is not too large to send.

    Bytes are shades as they are; of all else the least number is black and the greatest white.

    Args:
        array: Numbers, in rows of pixels.
        shape: Rows, columns and perhaps channels, of an array that has all of them in one row.

    Raises:
        ValueError: It is no image, or not one of that shape.
    """
    _require_array(array, "image")
    if shape is not None:
        array = array.reshape(shape)
    if not looks_like_an_image(array):
        raise ValueError(f"an array of {array.shape} {array.dtype} is no image")
    step = -(-max(array.shape[:2]) // _LARGEST)
    picked = array[::step, ::step]
    shades = picked if picked.dtype == "u1" else (spread(picked) * _WHITE).astype("u1")
    height, width = shades.shape[:2]
    # Opaque: an alpha of its own would hide what the image holds.
    drawn = np.full((height, width, _CHANNELS), _WHITE, "u1")
    drawn[:, :, :_COLOURS] = shades.reshape(height, width, -1)[:, :, :_COLOURS]
    return width, height, drawn.tobytes()


def _require_array(value: Any, what: str) -> None:
    if not hasattr(value, "dtype"):
        raise ValueError(f"a {type(value).__name__} is no {what}")


def points(array: Any) -> bytes:
    """Return x, y, z and a fourth number of each point as 32-bit floats, of every n-th where there are many.

    The fourth is the array's own, an intensity, or z.

    Raises:
        ValueError: It is no cloud.
    """
    _require_array(array, "cloud of points")
    if "cloud" not in views_of(array):
        raise ValueError(f"an array of {array.shape} {array.dtype} is no cloud of points")
    picked = array[:: -(-len(array) // _POINTS)].astype("<f4")
    picked = picked[(abs(picked[:, :3]) < float("inf")).all(axis=1)]
    return bytes((picked if picked.shape[1] == _CHANNELS else picked[:, [0, 1, 2, 2]]).tobytes())

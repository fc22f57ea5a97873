"""Arrays in words, and small pictures of those that look like images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_RAMP = " .:-=+*#%@"
_CHANNELS = (1, 3, 4)
_SMALLEST = 8
_WIDTH, _HEIGHT = 64, 24
NUMBERS = "iufb"
"""Kinds of elements that have statistics and shades."""
_WHITE = 255
_PIECE = 1 << 20


def statistics(array: Any) -> dict[str, Any]:
    """Return least, greatest, mean and deviation of numbers, and how many are none; nothing for other elements."""
    if array.dtype.kind not in NUMBERS or array.size == 0:
        return {}
    counts, sums, lows, highs = zip(*(_summary(numbers) for numbers in _sound_pieces(array)), strict=True)
    count = sum(counts)
    found: dict[str, Any] = {"not_finite": array.size - count} if count < array.size else {}
    if count:
        mean = sum(sums) / count
        squares = sum(_squares(numbers, mean) for numbers in _sound_pieces(array))
        found |= {"min": min(lows), "max": max(highs), "mean": mean, "std": math.sqrt(squares / count)}
    return found


def _sound_pieces(array: Any) -> Iterator[Any]:
    """Yield all finite numbers, some at a time: as floats, those of a large array would fill the memory."""
    row = array.reshape(-1)
    for start in range(0, row.size, _PIECE):
        numbers = row[start : start + _PIECE].astype(float)
        yield numbers[abs(numbers) < math.inf]  # false for NaN too


def _summary(numbers: Any) -> tuple[int, float, float, float]:
    """Return the count, the sum, the least and the greatest."""
    if not numbers.size:
        return 0, 0.0, math.inf, -math.inf
    return numbers.size, float(numbers.sum()), float(numbers.min()), float(numbers.max())


def _squares(numbers: Any, mean: float) -> float:
    """Return the sum of the squares of the distances from the mean; they take the place of the numbers."""
    numbers -= mean
    numbers *= numbers
    return float(numbers.sum())


def looks_like_an_image(array: Any) -> bool:
    """Say whether an array is grey or coloured pixels in rows."""
    if getattr(array, "ndim", 0) not in (2, 3) or array.dtype.kind not in NUMBERS:
        return False
    if array.ndim == 3 and array.shape[2] not in _CHANNELS:  # noqa: PLR2004  (rows, columns, channels)
        return False
    return bool(min(array.shape[:2]) >= _SMALLEST)


def spread(picked: Any) -> Any:
    """Return shades from 0, the least number, to 1, the greatest; what is not finite is as dark as the least."""
    numbers = picked.astype(float)
    sound = abs(numbers) < math.inf  # false for NaN too
    numbers[~sound] = numbers[sound].min() if sound.any() else 0
    low, high = numbers.min(), numbers.max()
    return (numbers - low) / ((high - low) or 1)


def _pixels(array: Any, rows: int, columns: int) -> Any:
    """Return some of the pixels, from 0 to 1, each as red, green, blue."""
    height, width = array.shape[:2]
    picked = array[:: -(-height // rows), :: -(-width // columns)]
    if picked.ndim == 2:  # noqa: PLR2004  (grey)
        picked = picked[:, :, None]
    picked = spread(picked[:, :, :3])
    return picked.repeat(3, axis=2) if picked.shape[2] == 1 else picked


def picture(array: Any, *, colours: bool) -> str:
    """Return a small picture: two pixels in each character where there are colours, else shades of characters."""
    if not colours:
        shades = _pixels(array, _HEIGHT // 2, _WIDTH).mean(axis=2)
        return "\n".join("".join(_RAMP[int(shade * (len(_RAMP) - 1))] for shade in row).rstrip() for row in shades)
    pixels = _pixels(array, _HEIGHT, _WIDTH)
    lines = []
    for row in range(0, len(pixels) - 1, 2):
        cells = (_cell(upper, lower) for upper, lower in zip(pixels[row], pixels[row + 1], strict=True))
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)


def _cell(upper: Any, lower: Any) -> str:
    above, below = (";".join(str(int(part * _WHITE)) for part in pixel) for pixel in (upper, lower))
    return f"\x1b[38;2;{above}m\x1b[48;2;{below}m\u2580"

"""Arrays in words, and small pictures of those that look like images."""

from __future__ import annotations

from typing import Any

_RAMP = " .:-=+*#%@"
_CHANNELS = (1, 3, 4)
_SMALLEST = 8
_WIDTH, _HEIGHT = 64, 24
_NUMBERS = "iufb"
_WHITE = 255


def statistics(array: Any) -> dict[str, Any]:
    """Return least, greatest, mean and deviation of numbers, and how many are none; nothing for other elements."""
    if array.dtype.kind not in _NUMBERS or array.size == 0:
        return {}
    numbers = array.astype(float)
    sound = numbers[abs(numbers) < float("inf")]  # false for NaN too
    found: dict[str, Any] = {"not_finite": int(array.size - sound.size)} if sound.size < array.size else {}
    if sound.size:
        found |= {"min": float(sound.min()), "max": float(sound.max()), "mean": float(sound.mean())}
        found["std"] = float(sound.std())
    return found


def looks_like_an_image(array: Any) -> bool:
    """Say whether an array is grey or coloured pixels in rows."""
    if getattr(array, "ndim", 0) not in (2, 3) or array.dtype.kind not in _NUMBERS:
        return False
    if array.ndim == 3 and array.shape[2] not in _CHANNELS:  # noqa: PLR2004  (rows, columns, channels)
        return False
    return bool(min(array.shape[:2]) >= _SMALLEST)


def spread(picked: Any) -> Any:
    """Return shades from 0, the least number, to 1, the greatest; what is not finite is as dark as the least."""
    numbers = picked.astype(float)
    sound = abs(numbers) < float("inf")  # false for NaN too
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

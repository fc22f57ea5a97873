"""What callers give as an array, as an array: the one file of the base package that is written with numpy.

Import it inside the function that needs it: whoever has no arrays needs no numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# DLPack's numbers of devices whose memory the processor reads: the host's own, and what a GPU's driver pinned there.
_HOST_DEVICES = (1, 3)


def as_array(value: object) -> np.ndarray[Any, Any]:
    """Return a plain array over the memory of an array, a buffer or a DLPack tensor, without a copy.

    Raises:
        TypeError: It is none of these, lies on another device, or holds Python objects.
        BufferError: Its owner does not give its memory away.
    """
    array = plain(over(value))
    if array.dtype.hasobject:
        raise TypeError(
            f"an array of dtype {array.dtype!r} holds Python objects, whose addresses mean nothing to another process:"
            " convert it by astype(), or put it by memlane.SharedAssign"
        )
    return array


def over(value: object) -> np.ndarray[Any, Any]:
    """Return an array over the memory of what was given."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("a masked array would lose its mask: put value.filled(), or its data and its mask")
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return over_tensor(value)
    try:
        return np.asarray(memoryview(value))  # type: ignore[arg-type]
    except TypeError as error:
        raise TypeError(
            f"a value of type {type(value).__name__} is no array: give an ndarray, anything with the buffer protocol or"
            f" DLPack, or np.asarray(value) ({error})"
        ) from error


def over_tensor(value: Any) -> np.ndarray[Any, Any]:
    """Return an array over the memory of a tensor that speaks DLPack."""
    device, number = value.__dlpack_device__()
    if device not in _HOST_DEVICES:
        raise TypeError(
            f"this {type(value).__name__} lies on DLPack device {int(device)}, number {number}: copy it to the host"
            " first, by .cpu() or its like"
        )
    return np.from_dlpack(value)


def plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the same array with a dtype of the kind that travels: a structure of fields, not numpy's `record`."""
    if array.dtype.names is not None and array.dtype.type is not np.void:
        return array.view(np.dtype((np.void, array.dtype)))
    return array


def outline(shape: int | tuple[int, ...], dtype: Any, order: Any) -> np.ndarray[Any, Any]:
    """Return an array whose memory is never touched: it only says what is going to be filled in."""
    array = np.empty(shape, dtype, order=order)
    if array.dtype.hasobject:
        raise TypeError(f"a loan of dtype {array.dtype!r} would hold Python objects: loan numbers, or structures")
    return plain(array)

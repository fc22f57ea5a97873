"""Values that are not plain: pickles with their large buffers beside them."""

from __future__ import annotations

# The C half of `pickle`, which is all that is used of it: importing `pickle` itself takes 10 ms.
import _pickle

from memlane.errors import EncodingError

TYPE_CHECKING = False  # importing `typing` takes as long
if TYPE_CHECKING:
    from typing import Any

_OUT_OF_BAND = 5
# What the unpickler answers to bytes that nobody pickled: whatever the step that they lead it to happens to raise.
_OF_DAMAGE = (ArithmeticError, EOFError, LookupError, MemoryError, TypeError, ValueError, _pickle.UnpicklingError)


def _contiguous(buffer: _pickle.PickleBuffer) -> memoryview | None:
    """Give the bytes of a buffer in their order in memory, or None where there are gaps between them."""
    try:
        return buffer.raw()
    except BufferError:
        return None


def _refusal(value: object, protocol: int, error: Exception) -> EncodingError:
    kind = type(value)
    return EncodingError(
        f"a value of type {kind.__module__}.{kind.__qualname__} cannot be pickled with protocol {protocol}: {error};"
        " write plain values (numbers, text, bytes, tuples, lists, dicts, arrays), or make its parts picklable"
        " (classes and functions at the top level of a module, or a __reduce__)"
    )


def dumps(value: object, protocol: int = _OUT_OF_BAND) -> tuple[bytes, list[memoryview]]:
    """Pickle a value.

    Returns:
        The pickle, and the buffers that it leaves out (none below protocol 5), each contiguous. A buffer with gaps is
        part of the pickle.

    Raises:
        EncodingError: The value cannot be pickled. What its own methods raise otherwise passes through.
    """
    buffers: list[memoryview] = []

    def keep_in_band(buffer: _pickle.PickleBuffer) -> bool:
        view = _contiguous(buffer)
        if view is not None:
            buffers.append(view)
        return view is None

    callback = keep_in_band if protocol >= _OUT_OF_BAND else None
    try:
        return _pickle.dumps(value, protocol, buffer_callback=callback), buffers
    except (_pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        raise _refusal(value, protocol, error) from error


def loads(head: bytes, buffers: list[bytearray]) -> Any:
    """Load a pickle. It runs code: the caller made sure that only trusted users can have written it.

    Args:
        head: The pickle.
        buffers: What it left out. They become part of the value.

    Raises:
        UnpicklingError: The bytes are damaged. What the value's own classes raise, or lack, passes through.

    Python 2 wrote text as bytes: it is read as UTF-8, and what is none survives as surrogates.
    """
    try:
        return _pickle.loads(head, buffers=buffers, encoding="utf-8", errors="surrogateescape")
    except _OF_DAMAGE as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # by a method of the value's, whose frame follows this one
        raise _pickle.UnpicklingError(f"{type(error).__name__}: {error}") from error

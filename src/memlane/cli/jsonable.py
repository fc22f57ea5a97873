"""What JSON has no word for, in JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from memlane.cli.pictures import statistics
from memlane.cli.plainly import integer, key_text, plainly
from memlane.inspect import Damaged, Object, Pickled

_LONGEST_BYTES = 1024
_LONGEST_ARRAY = 1024


def jsonable(value: Any) -> Any:  # noqa: PLR0911  (one for each kind of value)
    """Return a value that `json.dumps` takes.

    Bytes and integers of hundreds of digits are hexadecimal, arrays a summary with their elements if few.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, complex):
        return {"real": jsonable(value.real), "imag": jsonable(value.imag)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": len(value), "hex": bytes(value[:_LONGEST_BYTES]).hex()}
    if isinstance(value, Pickled):
        return {"pickle": len(value.head), "needs": list(value.needs)}
    if isinstance(value, Mapping):
        return {key_text(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return _of_numpy(value)


def _of_numpy(value: Any) -> Any:
    if not hasattr(value, "dtype"):
        return plainly(value)
    names = value.dtype.names
    if value.ndim == 0 and names:
        return {name: jsonable(value[name]) for name in names}
    if value.ndim == 0:
        plain = value.item()
        return str(value) if hasattr(plain, "dtype") else jsonable(plain)  # Python has no longdouble
    summary: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype), **jsonable(statistics(value))}
    if value.size <= _LONGEST_ARRAY:
        summary["elements"] = [jsonable(item) for item in value] if names else jsonable(value.tolist())
    return summary


def described(item: Object | Damaged) -> dict[str, Any]:
    """Return all that is told of an object."""
    return {"name": item.name, "kind": item.kind, **plain_fields(item)}


def plain_fields(value: Any) -> Any:
    """Return a dataclass, with all that it holds, as JSON has it."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain_fields(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain_fields(item) for item in value]
    return jsonable(value)

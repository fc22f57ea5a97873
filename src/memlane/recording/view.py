"""What viewers show of a sample: JSON, beside the bytes that a replay needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from memlane.inspect.device import record_values
from memlane.inspect.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from memlane.recording.description import Description
    from memlane.recording.sample import Sample

LARGEST = 1 << 16
"""Bytes of a value that is decoded for viewers; of a larger one they see its size."""
SCHEMA_NAME = "memlane.View"
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "number": {"type": "integer", "description": "version of the value, or stream position of the bytes"},
            "missed": {"type": "integer", "description": "values or bytes that were not seen before this one"},
            "size": {"type": "integer", "description": "bytes"},
            "value": {"description": "the value; of a channel its bytes as text"},
        },
    }
).encode()


def view_of(description: Description, sample: Sample, jsonable: Callable[[Any], Any]) -> bytes:
    """Return the JSON that viewers show; of a value that cannot be shown the reason."""
    shown: dict[str, Any] = {"number": sample.number, "missed": sample.missed, "size": len(sample.payload)}
    if len(sample.payload) > LARGEST:
        return _encoded(shown)
    try:
        return _encoded(shown | {"value": jsonable(_value(description, sample))})
    except Exception as error:  # noqa: BLE001  (no value of one object ends the recording of all)
        return _encoded(shown | {"value": _reason(error)})


def _encoded(shown: dict[str, Any]) -> bytes:
    return json.dumps(shown, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _value(description: Description, sample: Sample) -> Any:
    """Decode a sample; pickles are not loaded."""
    if description.kind == "channel":
        return sample.payload.decode("utf-8", "backslashreplace")
    if description.kind == "buffer":
        return record_values(description.schema, sample.payload)
    return decode(sample.mark, sample.payload, description.layout, repr(description.name))[1]

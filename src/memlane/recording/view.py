"""What viewers show of a sample: JSON, beside the bytes that a replay needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from memlane.errors import Error
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
    """Return the JSON that viewers show."""
    shown: dict[str, Any] = {"number": sample.number, "missed": sample.missed, "size": len(sample.payload)}
    if len(sample.payload) <= LARGEST:
        shown["value"] = jsonable(_value(description, sample))
    return json.dumps(shown, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _value(description: Description, sample: Sample) -> Any:
    """Decode a sample; pickles are not loaded. What cannot be decoded is shown as the reason."""
    if description.kind == "channel":
        return sample.payload.decode("utf-8", "backslashreplace")
    try:
        if description.kind == "buffer":
            return record_values(description.schema, sample.payload)
        return decode(sample.mark, sample.payload, description.layout, repr(description.name))[1]
    except Error as error:
        return f"{type(error).__name__}: {error}"

"""Records of device buffers, taken apart by the schema that lies with them (docs/format/buffer.md)."""

from __future__ import annotations

import ast
import re
import struct
from typing import Any, NamedTuple

from memlane.errors import Corrupted

_QUOTED = r"""(?P<name>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
"""A name, as Python writes text."""
PARAMETER = re.compile(rf"parameter {_QUOTED}, id (?P<id>\d+): (?P<type>\w+)(?P<lengths>(?:\[\d+\])*), (?P<access>.*)")
"""A line of the schema that is a parameter's."""
_FIELD = re.compile(rf"field {_QUOTED}: c_(?P<type>[a-z0-9]+)(?P<lengths>(?:_Array_\d+)*)")
_FORMATS = {
    "bool": "?", "char": "c", "float": "f", "double": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H",
    "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "byte": "b", "ubyte": "B", "short": "h", "ushort": "H",
    "int": "i", "uint": "I", "long": "q", "ulong": "Q", "longlong": "q", "ulonglong": "Q",
}  # fmt: skip
_COUNTS_START = 48
_COUNTS_EACH = 8
_MOST_ELEMENTS = 1 << 32
"""More than the largest record has bytes."""


class _Place(NamedTuple):
    name: str
    format: str
    count: int  # type: ignore[assignment]  # it hides the method that tuples have
    """0: a scalar."""
    readable: bool
    writeable: bool
    is_parameter: bool


def record_values(schema: str, record: bytes) -> dict[str, Any]:
    """Return what a record says, by parameter.

    Returns:
        ``type``, ``valid``, ``parameters`` (what was read, by name), ``requested`` (what was asked to be written) and
        ``fields`` (what else the buffer keeps).

    Raises:
        Corrupted: Record and schema do not fit, or the schema is of a version that this one does not know.
    """
    first, *lines = schema.splitlines() or [""]
    places = [_place(line) for line in lines]
    at = _COUNTS_START + _COUNTS_EACH * sum(place.is_parameter for place in places)
    read, at = _take([place for place in places if place.is_parameter and place.readable], record, at)
    requested, at = _take([place for place in places if place.is_parameter and place.writeable], record, at)
    fields, at = _take([place for place in places if not place.is_parameter], record, at)
    if at != len(record):
        raise Corrupted(f"the record has {len(record)} bytes and its schema accounts for {at}: one of them is damaged")
    return {
        "type": first.removeprefix("type "),
        "valid": bool(struct.unpack_from("<I", record)[0]),
        "parameters": read,
        "requested": requested,
        "fields": fields,
    }


def _place(line: str) -> _Place:
    if match := PARAMETER.fullmatch(line):
        access = match["access"]
        return _Place(
            quoted_name(match), _format(match["type"], line), _count(match["lengths"], line), "readable" in access,
            "writeable" in access, is_parameter=True,
        )  # fmt: skip
    if match := _FIELD.fullmatch(line):
        return _Place(
            quoted_name(match), _format(match["type"], line), _count(match["lengths"], line), readable=True,
            writeable=False, is_parameter=False,
        )  # fmt: skip
    raise Corrupted(f"the schema of the buffer has the line {line!r}, which this version does not know")


def quoted_name(line: re.Match[str]) -> str:
    """Return the name in a line of a schema.

    Raises:
        Corrupted: It is no text of Python's.
    """
    try:
        return str(ast.literal_eval(line["name"]))
    except (SyntaxError, ValueError) as error:
        raise Corrupted(f"the schema of the buffer has the name {line['name']}, which is no text") from error


def _count(lengths: str, line: str) -> int:
    if not lengths:
        return 0
    count = 1
    for length in re.findall(r"\d+", lengths):
        if len(length) > len(str(_MOST_ELEMENTS)) or count * int(length) > _MOST_ELEMENTS:
            raise Corrupted(f"the schema of the buffer has the line {line!r}, which is larger than any record")
        count *= int(length)
    return count


def _format(name: str, line: str) -> str:
    if name not in _FORMATS:
        raise Corrupted(f"the schema of the buffer has the line {line!r}, whose type has no fixed form")
    return _FORMATS[name]


def _take(places: list[_Place], record: bytes, at: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    for place in places:
        layout = struct.Struct(f"<{place.count or 1}{place.format}")
        if at + layout.size > len(record):
            raise Corrupted(f"the record has {len(record)} bytes and ends within {place.name!r}: it is damaged")
        values = layout.unpack_from(record, at)
        if place.count and place.format == "c":
            found[place.name] = b"".join(values).partition(b"\0")[0]
        else:
            found[place.name] = list(values) if place.count else values[0]
        at += layout.size
    return found, at

"""Device buffers as panels: each parameter with what was read, what is requested, and its limits."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from memlane.monitor.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memlane.buffer import Buffer, Parameter

Catalog: TypeAlias = "Mapping[str, type[Buffer]]"

_LINE = re.compile(r"parameter '(?P<name>[^']*)', id \d+: (?P<type>[^,]*), (?P<access>.*)")


def panel(record: Mapping[str, Any], schema: Sequence[str], catalog: Catalog) -> dict[str, Any]:
    """Return what the page shows of a device.

    Args:
        record: From `memlane.inspect.read`.
        schema: Of the buffer: types and access of its parameters.
        catalog: Knows the limits, which are no part of the schema.
    """
    kind = catalog.get(record["type"])
    known = kind.params if kind else {}
    lines = filter(None, map(_LINE.fullmatch, schema))
    return {
        "type": record["type"],
        "valid": record["valid"],
        "known": kind is not None,
        "parameters": [_parameter(record, line, known.get(line["name"])) for line in lines],
        "fields": tree(record["fields"]),
    }


def _parameter(record: Mapping[str, Any], line: re.Match[str], known: Parameter | None) -> dict[str, Any]:
    name = line["name"]
    read, requested = record["parameters"], record["requested"]
    return {
        "name": name,
        "type": line["type"],
        "access": line["access"],
        "value": tree(read[name]) if name in read else None,
        "requested": tree(requested[name]) if name in requested else None,
        "lower": _limit(known.lower) if known else None,
        "upper": _limit(known.upper) if known else None,
    }


def _limit(number: float) -> float | None:
    return number if math.isfinite(number) else None

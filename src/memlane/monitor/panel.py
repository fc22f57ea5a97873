"""Device buffers as panels: each parameter with what was read, what is requested, and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from memlane.inspect.device import PARAMETER, quoted_name
from memlane.monitor.tree import finite, tree

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from memlane.buffer import Buffer, Parameter

Catalog: TypeAlias = "Mapping[str, type[Buffer]]"


def panel(record: Mapping[str, Any], schema: Sequence[str], catalog: Catalog) -> dict[str, Any]:
    """Return what the page shows of a device.

    Args:
        record: From `memlane.inspect.read`.
        schema: Of the buffer: types and access of its parameters.
        catalog: Knows the limits, which are no part of the schema.
    """
    kind = catalog.get(record["type"])
    known = kind.params if kind else {}
    lines = filter(None, map(PARAMETER.fullmatch, schema))
    return {
        "type": record["type"],
        "valid": record["valid"],
        "known": kind is not None,
        "parameters": [_parameter(record, line, known.get(quoted_name(line))) for line in lines],
        "fields": tree(record["fields"]),
    }


def _parameter(record: Mapping[str, Any], line: re.Match[str], known: Parameter | None) -> dict[str, Any]:
    name = quoted_name(line)
    read, requested = record["parameters"], record["requested"]
    return {
        "name": name,
        "type": line["type"] + line["lengths"],
        "access": line["access"],
        "value": tree(read[name]) if name in read else None,
        "requested": tree(requested[name]) if name in requested else None,
        "lower": finite(known.lower) if known else None,
        "upper": finite(known.upper) if known else None,
    }

"""Values, decoded without the code of the program that wrote them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memlane import settings
from memlane._native.inspect import Inspection, take_structure
from memlane.codec import pickled
from memlane.codec.plain import PICKLE, PICKLE_BUFFERS, PLAIN, PLAIN_BUFFERS, needed_prefix
from memlane.codec.plain import Reading as Decoding
from memlane.errors import KindMismatch, UnsafePickle
from memlane.inspect.device import record_values
from memlane.inspect.disassembly import Pickled
from memlane.names import encoded_name

if TYPE_CHECKING:
    from memlane.codec.fields import Layout

_STRUCT = 5  # docs/format/field-table.md: the type mark of a struct's bytes
_NANOSECONDS = 1e9
_GROUP_AND_OTHERS_WRITE = 0o022


@dataclass(frozen=True)
class Value:
    """The latest value of an object."""

    form: str
    """``plain``, ``struct``, ``pickle``, ``parameters`` (of a device buffer) or ``bytes`` (of a type that no codec of
    memlane has written)."""
    value: Any
    """Of a pickle that was not loaded: `Pickled`."""
    version: int
    size: int
    """Bytes in shared memory."""
    written: float
    """Seconds since the epoch."""


def read(name: str | bytes, *, directory: str | os.PathLike[str] | None = None, load_pickles: bool = False) -> Value:
    """Read the latest value of a variable, share or buffer, without counting as a reader; a share's value stays.

    Args:
        name: As given to the object's class.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        load_pickles: Load pickles, which runs the code that they name.

    Raises:
        Empty: It was never written.
        KindMismatch: It has no latest value.
        UnsafePickle: It is to be loaded, and others than its owner can write to it, or its owner is somebody else.
        MissingDependency: It is an array, and numpy cannot be imported.
        Corrupted: The bytes are no value.
    """
    inspection = Inspection(encoded_name(name), settings.namespace_directory(directory))
    try:
        payload, (version, _, size, _, real_ns, mark) = inspection.read()
        label = f"{name!r}"
        facts = inspection.facts()
        if load_pickles and mark in (PICKLE, PICKLE_BUFFERS):
            _require_private(facts, label)
        if facts["kind"] == "buffer":
            form, value = "parameters", record_values(inspection.schema().decode("utf-8", "replace"), payload)
        else:
            form, value = decode(mark, payload, inspection.layout(), label, load_pickles=load_pickles)
        return Value(form, value, version, size, real_ns / _NANOSECONDS)
    finally:
        inspection.close()


def _require_private(facts: dict[str, Any], label: str) -> None:
    if facts["owner"] not in (os.geteuid(), 0) or facts["permissions"] & _GROUP_AND_OTHERS_WRITE:
        raise UnsafePickle(
            f"{label} belongs to user {facts['owner']} and has mode {facts['permissions']:03o}: others could have"
            " written this pickle, and loading it would run their code; look at its disassembly instead"
        )


def decode(
    mark: int, payload: bytes, layout: Layout | None, label: str, *, load_pickles: bool = False
) -> tuple[str, Any]:
    """Return the form and the value of bytes as they lie in a variable or share.

    Args:
        mark: What the bytes say they are.
        payload: The bytes.
        layout: Of the object's struct, where it has one.
        label: What to call the object in errors.
        load_pickles: Load pickles, which runs the code that they name.
    """
    if mark == _STRUCT and layout is not None:
        return "struct", take_structure(layout, payload, label)
    if mark not in (PLAIN, PLAIN_BUFFERS, PICKLE, PICKLE_BUFFERS):
        return "bytes", payload
    prefix = payload[: needed_prefix(mark, payload[:8], len(payload))]
    value = Decoding(mark, prefix, len(payload)).fetch(payload)
    if mark in (PLAIN, PLAIN_BUFFERS):
        return "plain", value
    head, buffers = value
    if load_pickles:
        return "pickle", pickled.loads(head, buffers)
    return "pickle", Pickled(bytes(head), tuple(map(bytes, buffers)))


def peek(
    name: str | bytes, start: int = 0, limit: int = 65536, *, directory: str | os.PathLike[str] | None = None
) -> tuple[int, bytes]:
    """Copy bytes that wait in a channel. They stay for its reader.

    Args:
        name: As given to `memlane.open_channel`.
        start: Stream position to begin at; what was read meanwhile is left out.
        limit: Bytes at most.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.

    Returns:
        The stream position of the first byte, and the bytes.
    """
    inspection = Inspection(encoded_name(name), settings.namespace_directory(directory))
    try:
        return inspection.peek(start, limit)
    finally:
        inspection.close()


def bytes_of(
    name: str | bytes, offset: int = 0, size: int | None = None, *, directory: str | os.PathLike[str] | None = None
) -> bytes:
    """Copy bytes of a map, whoever may be writing them.

    Args:
        name: As given to the map's class.
        offset: Where to begin.
        size: How many. Default: to the end.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
    """
    inspection = Inspection(encoded_name(name), settings.namespace_directory(directory))
    try:
        facts = inspection.facts()
        if facts["kind"] != "map":
            raise KindMismatch(f"{name!r} is a {facts['kind']}, and only maps are plain bytes: read its value")
        return inspection.copy(offset, facts["geometry"][0] - offset if size is None else size)
    finally:
        inspection.close()

"""What an object is, as far as another one like it has to know."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memlane.codec.fields import SIZES, Field, Layout
from memlane.errors import Corrupted
from memlane.inspect.look import SHARE_HEADROOM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memlane._native.inspect import Inspection

RECORDED_KINDS = ("buffer", "channel", "share", "variable")
_KEYS = ("name", "kind", "uuid", "size", "slots", "participants", "encoding", "persistent")
_SIZES_END = 1 << 40
_COUNTS_END = 1 << 32
_ENCODINGS_END = 1 << 8


@dataclass(frozen=True)
class Description:
    """One object: two of the same name have different uuids."""

    name: str
    kind: str
    """``variable``, ``share``, ``channel`` or ``buffer``."""
    uuid: str
    size: int
    """Bytes: ``max_size`` of a variable, ``size`` of a share, ``chanSz`` of a channel, the record of a buffer."""
    slots: int
    """0 for a channel."""
    participants: int
    encoding: int
    """The pickle protocol of a variable or share."""
    persistent: bool
    layout: Layout | None = None
    """Of a variable's struct."""
    schema: str = ""
    """Of a buffer."""

    def metadata(self) -> dict[str, str]:
        """Return what is said of it in a file."""
        words = {
            "kind": self.kind,
            "name": self.name,
            "uuid": self.uuid,
            "size": str(self.size),
            "slots": str(self.slots),
            "participants": str(self.participants),
            "encoding": str(self.encoding),
            "persistent": "yes" if self.persistent else "no",
        }
        if self.layout is not None:
            words["struct"] = json.dumps({"size": self.layout.size, "fields": self.layout.fields})
        if self.schema:
            words["schema"] = self.schema
        return words

    @classmethod
    def of_metadata(cls, words: Mapping[str, str]) -> Description:
        """Return what a file says.

        Raises:
            ValueError: It is not what `metadata` writes.
        """
        lacking = [key for key in _KEYS if key not in words]
        if lacking:
            raise ValueError(f"the description of an object lacks {', '.join(lacking)}")
        if words["kind"] not in RECORDED_KINDS:
            raise ValueError(f"an object of kind {words['kind']!r}, and recorded are {', '.join(RECORDED_KINDS)}")
        return cls(
            name=words["name"],
            kind=words["kind"],
            uuid=words["uuid"],
            size=_number(words, "size", 1, _SIZES_END),
            slots=_number(words, "slots", 0, _COUNTS_END),
            participants=_number(words, "participants", 0, _COUNTS_END),
            encoding=_number(words, "encoding", 0, _ENCODINGS_END),
            persistent=words["persistent"] == "yes",
            layout=_layout_of(words["struct"]) if "struct" in words else None,
            schema=words.get("schema", ""),
        )

    def is_like(self, other: Description) -> bool:
        """Whether an object of this description takes what one of the other took."""
        return self.metadata() | {"uuid": ""} == other.metadata() | {"uuid": ""}


def _number(words: Mapping[str, str], key: str, least: int, end: int) -> int:
    """Return a number that an object can have been made with."""
    number = int(words[key])
    if not least <= number < end:
        raise ValueError(f"the description of an object has the {key} {number:#x}, which none can have")
    return number


def _layout_of(text: str) -> Layout:
    try:
        found = json.loads(text)
        return Layout(_extent(found["size"]), tuple(_field(*field) for field in found["fields"]))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("the struct of an object is no size with a list of fields") from error


def _field(path: Any, offset: Any, size: Any, count: Any, kind: Any) -> Field:
    if not isinstance(path, str) or "\0" in path:
        raise ValueError(f"the struct of an object has the field {path!r}, which is no name")
    if not isinstance(kind, str) or kind not in SIZES:
        raise ValueError(f"the struct of an object has the field {path!r} of the unknown type {kind!r}")
    return Field(path, _extent(offset), _extent(size), _extent(count), kind)


def _extent(number: Any) -> int:
    if not isinstance(number, int) or not 0 <= number < _SIZES_END:
        raise ValueError(f"the struct of an object has the number {number!r}, which none can have")
    return number


def describe(name: str, inspection: Inspection) -> Description | None:
    """Describe an object; None for one of a kind that has nothing to record.

    Raises:
        Corrupted: It is a buffer whose schema is no text.
    """
    facts = inspection.facts()
    kind = facts["kind"]
    if kind not in RECORDED_KINDS:
        return None
    first, capacity, _, encoding = facts["geometry"]
    is_channel, is_buffer = kind == "channel", kind == "buffer"
    size = first if is_channel else capacity - (SHARE_HEADROOM if kind == "share" else 0)
    return Description(
        name=name,
        kind=kind,
        uuid=facts["uuid"].hex(),
        size=size,
        slots=0 if is_channel else first,
        participants=facts["places"],
        encoding=0 if is_channel or is_buffer else encoding,
        persistent=not facts["ephemeral"],
        layout=None if is_buffer or is_channel else inspection.layout(),
        schema=_schema_text(inspection.schema()) if is_buffer else "",
    )


def _schema_text(schema: bytes) -> str:
    try:
        return schema.decode()
    except UnicodeDecodeError as error:
        raise Corrupted(f"the schema of the buffer is no text in UTF-8: {error}") from error

"""The fields of a struct, in the one form that each layout has: ``docs/format/field-table.md``."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Type -> bytes of one element; None: the field says it.
SIZES: dict[str, int | None] = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
    "char": None,
    "wchar": None,
    "bytes": None,
    "struct": None,
}
# Type -> bytes of the smallest element: an array of single characters is a text.
_UNITS = {"char": 1, "wchar": 4, "bytes": 1}


class Field(NamedTuple):
    """One field of a struct."""

    path: str
    """Names joined by dots. Empty: the whole value is this field."""
    offset: int
    """Bytes from the beginning of the struct; in an array of structs, of its first element."""
    size: int
    """Bytes of one element."""
    count: int  # type: ignore[assignment]  # it hides the method that tuples have
    """Elements: 1, or the length of an array."""
    type: str
    """``float32``, ``char``, ...; ``struct`` for an array of structs, whose fields follow."""

    @property
    def kind(self) -> str:
        """The type as C would write it: ``float32[3]``, ``char[16]``."""
        length = self.size // _UNITS.get(self.type, 1)
        if self.type == "struct":
            return f"struct[{self.count}] of {self.size} bytes"
        lengths = [*([self.count] if self.count > 1 else []), *([length] if self.type in _UNITS else [])]
        return self.type + "".join(f"[{length}]" for length in lengths)


class Layout(NamedTuple):
    """What the bytes of a struct are."""

    size: int
    fields: tuple[Field, ...]


def merged(field: Field) -> Field:
    """Return the field as the table has it."""
    if field.size == _UNITS.get(field.type):
        return field._replace(size=field.size * field.count, count=1)
    return field


def layout(size: int, fields: Iterable[Field]) -> Layout:
    """Return the canonical form of some fields: in the order of offsets, an array of structs before its fields."""
    kept = (merged(field) for field in fields if field.type != "struct" or field.count > 1)
    return Layout(size, tuple(sorted(kept, key=lambda field: (field.offset, len(field.path.encode())))))


def difference(here: Layout, there: Layout) -> str | None:
    """Tell where two layouts begin to differ, both sides."""
    for ours, theirs in zip(here.fields, there.fields, strict=False):
        if ours.path != theirs.path:
            return f"`{ours.path}` here, `{theirs.path}` there"
        if ours != theirs:
            return f"field `{ours.path}`: {_place(ours)} here, {_place(theirs)} there"
    if len(here.fields) != len(there.fields):
        return f"{len(here.fields)} fields here, {len(there.fields)} there"
    return None if here.size == there.size else f"{here.size} bytes here, {there.size} there"


def _place(field: Field) -> str:
    return f"{field.kind} at byte {field.offset}"


class Node:
    """A struct or a field as part of the whole."""

    __slots__ = ("field", "name", "parts", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.field: Field | None = None
        """None for a struct that is no array."""
        self.parts: dict[str, Node] = {}

    def part(self, name: str) -> Node:
        """Return the part of this name, a new one where there is none."""
        if name not in self.parts:
            self.parts[name] = Node(name, f"{self.path}.{name}" if self.path else name)
        return self.parts[name]


def tree(fields: Iterable[Field]) -> Node:
    """Return the fields as the parts of structs."""
    root = Node("", "")
    for field in fields:
        node = root
        for name in field.path.split(".") if field.path else ():
            node = node.part(name)
        node.field = field
    return root

"""A layout that was found, as a numpy dtype."""

from __future__ import annotations

from memlane.codec.fields import Field, Layout, Node, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CODES = {"bool": "?", "char": "S", "wchar": "U", "bytes": "V"}


def dtype_of(numpy: Any, layout: Layout) -> Any:
    """Return the dtype whose elements are these structs."""
    root = tree(layout.fields)
    if root.field is not None:
        return _dtype_of_field(numpy, root, root.field)
    return _dtype_of_parts(numpy, root, 0, layout.size)


def _dtype_of_parts(numpy: Any, node: Node, start: int, size: int) -> Any:
    parts = list(node.parts.values())
    places = [_extent(part) for part in parts]
    formats = [
        _dtype_of_field(numpy, part, part.field)
        if part.field is not None
        else _dtype_of_parts(numpy, part, place, end - place)
        for part, (place, end) in zip(parts, places, strict=True)
    ]
    offsets = [place - start for place, _ in places]
    return numpy.dtype({"names": list(node.parts), "formats": formats, "offsets": offsets, "itemsize": size})


def _dtype_of_field(numpy: Any, node: Node, field: Field) -> Any:
    if field.type == "struct":
        element = _dtype_of_parts(numpy, node, field.offset, field.size)
    elif field.type in _CODES:
        length = field.size // 4 if field.type == "wchar" else field.size
        element = numpy.dtype(_CODES[field.type] + (str(length) if field.type != "bool" else ""))
    else:
        element = numpy.dtype(field.type)
    return element if field.count == 1 else numpy.dtype((element, (field.count,)))


def _extent(node: Node) -> tuple[int, int]:
    """Where the bytes of a part begin and end."""
    if node.field is not None:
        return node.field.offset, node.field.offset + node.field.size * node.field.count
    extents = [_extent(part) for part in node.parts.values()]
    return min(start for start, _ in extents), max(end for _, end in extents)

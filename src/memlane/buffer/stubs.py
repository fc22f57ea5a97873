"""Stubs for the types of a catalog: what an editor needs to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memlane.buffer.buffer import Buffer, DeviceBuffer
from memlane.buffer.parameter import is_vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from memlane.buffer.parameter import Parameter


def python_type(param: Parameter) -> str:
    """Return the type of a parameter's values.

    Example:
        >>> from memlane.buffer import Parameter
        >>> python_type(Parameter("matrix", Parameter.parse_ctype("uint8[2][3]"), 0))
        'list[list[int]]'
    """
    return _python_type(param.ctype)


def _python_type(ctype: type) -> str:
    if not is_vector(ctype):
        letter = ctype._type_  # type: ignore[attr-defined]  # of simple ctypes
        return {"?": "bool", "c": "bytes", "u": "str", "f": "float", "d": "float", "g": "float"}.get(letter, "int")
    item = ctype._type_  # type: ignore[attr-defined]  # of ctypes arrays
    text = _python_type(item)
    return text if text in {"bytes", "str"} and not is_vector(item) else f"list[{text}]"


def make_stubs(catalog: Mapping[str, type[Buffer]]) -> str:
    """Return the text of a stub file with a class for each type: what each method takes, and of which types."""
    lines = ["from typing import Any, Literal, overload", "", "from memlane.buffer import Buffer, DeviceBuffer"]
    for kind in catalog.values():
        lines += ["", *_class(kind)]
    return "\n".join([*lines, ""])


def _class(kind: type[Buffer]) -> list[str]:
    base = "DeviceBuffer" if issubclass(kind, DeviceBuffer) else "Buffer"
    readable = [param for param in kind.params.values() if param.readable]
    writeable = [param for param in kind.params.values() if param.writeable]
    lines = [f"class {kind.__name__}({base}):", *_documentation(kind)]
    for method, params in (("get", readable), ("set", readable), ("write", writeable)):
        lines += _method(method, params)
    return lines


def _documentation(kind: type[Buffer]) -> list[str]:
    text = str(kind.__doc__).strip().splitlines()
    return [f'    """{text[0]}', *(f"    {line}".rstrip() for line in text[1:]), '    """', ""]


def _method(method: str, params: Iterable[Parameter]) -> list[str]:
    lines = []
    by_type: dict[str, list[str]] = {}
    for param in params:
        by_type.setdefault(python_type(param), []).append(repr(param.name))
    for kind, names in by_type.items():
        literal = f"Literal[{', '.join(names)}]"
        arguments = f"param: {literal}, /" if method == "get" else f"param: {literal}, value: {kind}, /"
        answer = kind if method == "get" else "None"
        if len(by_type) > 1:
            lines.append("    @overload")
        ignored = "  # type: ignore[override]"
        lines.append(f"    def {method}(self, {arguments}) -> {answer}: ...{ignored}")
    return lines

"""What a caller declares as ``data_format``: ctypes, numpy and msgspec to one layout.

A module that nobody imported cannot have made what was declared, so none is imported here.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from memlane.codec.fields import Field, Layout, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_ADVICE = "declare numbers, texts and arrays of fixed size, or structs of these"


class Declared(NamedTuple):
    """A declaration and what it says."""

    library: str
    """``ctypes``, ``numpy`` or ``msgspec``."""
    form: Any
    """The class or dtype."""
    layout: Layout
    kinds: dict[str, Any]
    """Path -> what Python makes of that part, where the layout does not say it: the class of a struct, the shape of an
    array, str for a text, list for an array that is not a tuple."""


def _refuse(path: str, what: str) -> TypeError:
    where = f"field `{path}`" if path else "the format"
    return TypeError(f"data_format: {where} {what}: {_ADVICE}")


def _join(path: str, name: str) -> str:
    if "." in name:
        raise _refuse(f"{path}{name}", "has a dot in its name, which separates a struct from its fields")
    return f"{path}.{name}" if path else name


def declared(data_format: Any) -> Declared:
    """Read a declaration.

    Raises:
        TypeError: It is none, or has a field that cannot be shared; the message names the field.
    """
    for library, reader in _READERS.items():
        module = sys.modules.get(library)
        if module is not None:
            found: Declared | None = reader(module, data_format)
            if found is not None:
                return found
    raise TypeError(
        f"data_format={data_format!r} is no format: give a ctypes.Structure subclass, a numpy dtype or a"
        " msgspec.Struct subclass, or leave it out"
    )


# -- ctypes -------------------------------------------------------------------------------------------------

_CTYPES_INTEGERS = {"b": "int", "h": "int", "i": "int", "l": "int", "q": "int"}
_CTYPES_CHARACTERS = ("c", "u")
_CTYPES = {"f": "float32", "d": "float64", "?": "bool", "c": "char", "u": "wchar"}


def _read_ctypes(ctypes: Any, form: Any) -> Declared | None:
    if not isinstance(form, type) or not issubclass(form, (ctypes.Structure, ctypes.Union)):
        return None
    kinds: dict[str, Any] = {}
    return Declared("ctypes", form, layout(ctypes.sizeof(form), _ctypes_struct(ctypes, form, "", 0, kinds)), kinds)


def _ctypes_struct(ctypes: Any, form: Any, path: str, offset: int, kinds: dict[str, Any]) -> Iterator[Field]:
    if issubclass(form, ctypes.Union):
        raise _refuse(path, f"is the union {form.__name__}: nobody can tell which of its members is there")
    if hasattr(form, "_swappedbytes_"):
        raise _refuse(path, f"is big-endian ({form.__name__}): every peer is little-endian")
    for owner in reversed(form.__mro__):
        for name, kind, *bits in owner.__dict__.get("_fields_", ()):
            inner = _join(path, name)
            if bits:
                raise _refuse(inner, f"is a bit field of {bits[0]} bits: compilers lay them out differently")
            yield from _ctypes_field(ctypes, kind, inner, offset + getattr(form, name).offset, kinds)


def _ctypes_field(ctypes: Any, kind: Any, path: str, offset: int, kinds: dict[str, Any]) -> Iterator[Field]:
    lengths = []
    while issubclass(kind, ctypes.Array):
        lengths.append(kind._length_)
        kind = kind._type_
    size = ctypes.sizeof(kind)
    if lengths and getattr(kind, "_type_", None) in _CTYPES_CHARACTERS:
        size *= lengths.pop()  # char names[2][16] is two texts
    if lengths:
        kinds[path] = tuple(lengths)
    count = 1
    for length in lengths:
        count *= length
    if count * size == 0:
        raise _refuse(path, "is an array of no elements")
    if issubclass(kind, (ctypes.Structure, ctypes.Union)):
        yield Field(path, offset, size, count, "struct")
        yield from _ctypes_struct(ctypes, kind, path, offset, kinds)
        return
    yield Field(path, offset, size, count, _ctypes_type(kind, size, path))


def _ctypes_type(kind: Any, size: int, path: str) -> str:
    code = getattr(kind, "_type_", None)
    if getattr(kind, "__ctype_le__", kind) is not kind:
        raise _refuse(path, f"is big-endian ({kind.__name__}): every peer is little-endian")
    if isinstance(code, str) and code in _CTYPES:
        return _CTYPES[code]
    if isinstance(code, str) and code.lower() in _CTYPES_INTEGERS:
        return f"{'' if code.islower() else 'u'}int{8 * size}"
    raise _refuse(path, f"is a {kind.__name__}, which has no meaning in another process")


# -- numpy --------------------------------------------------------------------------------------------------

_NUMPY = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex", "S": "char", "U": "wchar", "V": "bytes"}
_FLOATS = ("float16", "float32", "float64", "complex64", "complex128")


def _read_numpy(numpy: Any, form: Any) -> Declared | None:
    is_scalar = isinstance(form, type) and issubclass(form, numpy.generic)
    is_pair = isinstance(form, tuple) and len(form) == 2  # noqa: PLR2004  (dtype and shape)
    if not isinstance(form, numpy.dtype) and not is_scalar and not is_pair:
        return None
    dtype = numpy.dtype(form)
    kinds: dict[str, Any] = {}
    return Declared("numpy", dtype, layout(dtype.itemsize, _numpy_field(dtype, "", 0, kinds)), kinds)


def _numpy_field(dtype: Any, path: str, offset: int, kinds: dict[str, Any]) -> Iterator[Field]:
    shape = dtype.shape
    dtype = dtype.base
    count = 1
    for length in shape:
        count *= length
    if shape:
        kinds[path] = shape
    if count == 0 or dtype.itemsize == 0:
        raise _refuse(path, f"is {dtype!r} of shape {shape}, which takes no bytes")
    if dtype.names is not None:
        yield Field(path, offset, dtype.itemsize, count, "struct")
        for name in dtype.names:
            yield from _numpy_field(dtype.fields[name][0], _join(path, name), offset + dtype.fields[name][1], kinds)
        return
    yield Field(path, offset, dtype.itemsize, count, _numpy_type(dtype, path))


def _numpy_type(dtype: Any, path: str) -> str:
    if not dtype.isnative:
        raise _refuse(path, f"is big-endian ({dtype!r}): every peer is little-endian")
    name = _NUMPY.get(dtype.kind, "")
    if dtype.kind in "iufc":
        name += str(8 * dtype.itemsize)
    if not name or (dtype.kind in "fc" and name not in _FLOATS):
        raise _refuse(path, f"is {dtype!r}, which has no fixed form in memory that C shares")
    return name


# -- msgspec ------------------------------------------------------------------------------------------------

_CODE = re.compile(r"(\d*)([?biufcSUV])(\d*)")
_LIKE_A_CODE = re.compile(r"\d+[A-Za-z?]\d*|[A-Za-z]\d+|\?")
_DEFAULTS = {int: "i8", float: "f8", bool: "?"}
# Code -> the types that values of it can have.
_VALUES: dict[str, tuple[type, ...]] = {
    "?": (bool,),
    "b": (bool,),
    "i": (int,),
    "u": (int,),
    "f": (float,),
    "S": (bytes, str),
    "U": (str,),
    "V": (bytes,),
}


def _read_msgspec(msgspec: Any, form: Any) -> Declared | None:
    if not isinstance(form, type) or not issubclass(form, msgspec.Struct):
        return None
    kinds: dict[str, Any] = {}
    fields, size = _msgspec_struct(msgspec, form, "", 0, kinds)
    return Declared("msgspec", form, layout(size, fields), kinds)


def _msgspec_struct(msgspec: Any, form: Any, path: str, offset: int, kinds: dict[str, Any]) -> tuple[list[Field], int]:
    """Return the fields, packed in order, and where the struct ends."""
    fields: list[Field] = []
    kinds[path] = form
    for field in msgspec.structs.fields(form):
        inner, offset = _msgspec_field(msgspec, field.type, _join(path, field.name), offset, kinds)
        fields += inner
    if not fields:
        raise _refuse(path, f"is {form.__name__}, which has no fields")
    return fields, offset


def _msgspec_field(msgspec: Any, kind: Any, path: str, offset: int, kinds: dict[str, Any]) -> tuple[list[Field], int]:
    kind, code = _annotation(kind, path)
    origin = getattr(kind, "__origin__", None)
    if origin in (tuple, list):
        return _msgspec_array(msgspec, kind, code, path, offset, kinds)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and code is None:
        return _msgspec_struct(msgspec, kind, path, offset, kinds)
    field = _coded(kind, code, path, offset)
    if field.count != 1:
        raise _refuse(path, f"has the code {code!r} of an array, and is no tuple or list")
    if kind is str:
        kinds[path] = str
    return [field], offset + field.size


def _annotation(kind: Any, path: str) -> tuple[Any, str | None]:
    """Return a type without its annotations, and that one which is a code, such as "u2"."""
    codes = [
        note for note in getattr(kind, "__metadata__", ()) if isinstance(note, str) and _LIKE_A_CODE.fullmatch(note)
    ]
    if len(codes) > 1:
        raise _refuse(path, f"has several codes: {', '.join(map(repr, codes))}")
    return getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind, codes[0] if codes else None


def _coded(kind: Any, code: str | None, path: str, offset: int) -> Field:
    """Return the field of a value that is no struct."""
    found = _CODE.fullmatch(code or _DEFAULTS.get(kind, ""))
    if found is None:
        hint = (
            " (Annotated[bytes, 'S16'], Annotated[str, 'U8'], Annotated[bytes, 'V16'])" if kind in (str, bytes) else ""
        )
        raise _refuse(path, f"is {_name(kind)}{f' with the code {code!r}' if code else ''}, of no fixed size{hint}")
    letter, length = found[2], int(found[3] or (1 if found[2] in "?b" else 0))
    if kind not in _VALUES.get(letter, ()):
        raise _refuse(path, f"is {_name(kind)}, which {code!r} does not hold")
    name, size = _NUMPY.get("b" if letter == "?" else letter, ""), length * (4 if letter == "U" else 1)
    if letter in "iuf":
        name += str(8 * length)
        valid = name in _INTEGERS or name in _FLOATS
    else:
        valid = size >= 1 and (letter not in "?b" or length == 1)
    if not valid:
        raise _refuse(path, f"has the code {code!r}, which does not exist")
    return Field(path, offset, size, int(found[1] or 1), name)


_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__origin__") else str(kind)


def _msgspec_array(
    msgspec: Any, kind: Any, code: str | None, path: str, offset: int, kinds: dict[str, Any]
) -> tuple[list[Field], int]:
    """Read ``tuple[float, float, float]``, or ``Annotated[list[float], "16f4"]``."""
    arguments = list(kind.__args__)
    element, inner_code = _annotation(arguments[0], path)
    if kind.__origin__ is list:
        kinds[path] = list
    is_open = kind.__origin__ is list or arguments[1:] == [...]
    if not is_open and any(argument != arguments[0] for argument in arguments):
        raise _refuse(path, "is a tuple of different types: make a struct of it")
    if isinstance(element, type) and issubclass(element, msgspec.Struct):
        return _msgspec_structs(msgspec, element, None if is_open else len(arguments), code, path, offset, kinds)
    field = _coded(element, code or inner_code, path, offset)
    if element is str:
        raise _refuse(path, "is an array of str: take bytes")
    if is_open == (field.count == 1):
        raise _refuse(path, f"is {_name(kind)}: its length must be told once, as in Annotated[list[float], '16f4']")
    field = field._replace(count=field.count if is_open else len(arguments))
    if field.count == 1:
        kinds[path] = (1,)
    return [field], offset + field.size * field.count


def _msgspec_structs(
    msgspec: Any, form: Any, count: int | None, code: str | None, path: str, offset: int, kinds: dict[str, Any]
) -> tuple[list[Field], int]:
    """Read ``tuple[Point, Point, Point]``, or ``Annotated[list[Point], "100"]``."""
    if count is None and code is None:
        raise _refuse(path, "is an array of structs without a length: Annotated[list[Point], '100V']")
    length = count if count is not None else int((code or "").rstrip("V") or 0)
    if length < 2:  # noqa: PLR2004  (a struct that is no array)
        raise _refuse(path, f"is an array of {length} structs: take 2 or more")
    container = kinds.get(path)
    fields, end = _msgspec_struct(msgspec, form, path, offset, kinds)
    kinds[path] = (form, list if container is list else tuple)
    size = end - offset
    return [Field(path, offset, size, length, "struct"), *fields], offset + size * length


_READERS = {"ctypes": _read_ctypes, "numpy": _read_numpy, "msgspec": _read_msgspec}

"""Declarations of fixed formats: ctypes, numpy and msgspec come to one table, and what cannot be shared is refused."""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import pytest

import memlane
from memlane import Field, HostVariable
from memlane.codec.declared import declared
from memlane.codec.fields import difference
from tests import formats
from tests.segments import Segment

if TYPE_CHECKING:
    from pathlib import Path


class Inner(ctypes.Structure):
    """A struct within another, with a hole of three bytes."""

    _fields_ = [("flag", ctypes.c_bool), ("value", ctypes.c_int32)]


class Outer(Inner):
    """One that inherits, nests, and has arrays of all kinds."""

    _fields_ = [
        ("inner", Inner),
        ("many", Inner * 2),
        ("matrix", (ctypes.c_float * 3) * 2),
        ("texts", (ctypes.c_char * 4) * 2),
        ("wide", ctypes.c_wchar * 3),
        ("byte", ctypes.c_uint8),
    ]


class InnerStruct(msgspec.Struct):
    """What has no holes."""

    a: Annotated[int, "u1"]
    b: Annotated[float, "f4"]


SAME = {
    "five doubles": (formats.Pose, formats.PoseObject, formats.POSE_DTYPE),
    "packed": (formats.Label, formats.LabelStruct, formats.LABEL_DTYPE),
    "with holes": (Inner, np.dtype([("flag", "?"), ("value", "i4")], align=True)),
    "out of order": (
        np.dtype({"names": ["b", "a"], "formats": ["f4", "u1"], "offsets": [1, 0], "itemsize": 5}),
        InnerStruct,
    ),
}


def schema_of(namespace: Path, data_format: Any) -> bytes:
    """Return the field table that an object of this format has."""
    HostVariable("declared", data_format=data_format).close()
    segment = Segment(namespace / "declared")
    schema = segment.read(4096, segment["schema_length"])
    memlane.unlink("declared")
    return schema


@pytest.mark.parametrize("declarations", SAME.values(), ids=SAME.keys())
def test_same_layout_has_the_same_table_however_it_was_declared(namespace: Path, declarations: tuple[Any, ...]) -> None:
    """Peers that agree about the bytes must not disagree about their names."""
    tables = [schema_of(namespace, data_format) for data_format in declarations]

    assert len(set(tables)) == 1


def test_fields_of_a_struct_are_listed_with_their_places(namespace: Path) -> None:
    """Tools show them."""
    with HostVariable("outer", data_format=Outer) as variable:
        assert variable.data_format is Outer
        assert variable.fields == (
            Field("flag", 0, 1, 1, "bool"),
            Field("value", 4, 4, 1, "int32"),
            Field("inner.flag", 8, 1, 1, "bool"),
            Field("inner.value", 12, 4, 1, "int32"),
            Field("many", 16, 8, 2, "struct"),
            Field("many.flag", 16, 1, 1, "bool"),
            Field("many.value", 20, 4, 1, "int32"),
            Field("matrix", 32, 4, 6, "float32"),
            Field("texts", 56, 4, 2, "char"),
            Field("wide", 64, 12, 1, "wchar"),
            Field("byte", 76, 1, 1, "uint8"),
        )
        assert [field.kind for field in variable.fields[7:]] == ["float32[6]", "char[2][4]", "wchar[3]", "uint8"]


@pytest.mark.parametrize("data_format", [Outer, formats.Everything, formats.LABEL_DTYPE, np.dtype(("f4", (3, 4)))])
def test_table_comes_back_from_the_object_as_it_was_declared(namespace: Path, data_format: Any) -> None:
    """The binding's idea of the canonical form is the library's."""
    with HostVariable("x", data_format=data_format) as here, HostVariable("x") as there:
        assert here.fields == there.fields
        assert difference(declared(data_format).layout, declared(there.data_format).layout) is None


def test_library_and_codec_have_the_same_types() -> None:
    """Codes are written down twice, in C and for the codec."""
    from memlane._native import format as native  # noqa: PLC0415  (a private module)
    from memlane.codec.fields import SIZES  # noqa: PLC0415

    assert native.type_names() == list(SIZES)


def make_ctypes(base: Any = ctypes.Structure, **fields: Any) -> Any:
    """Return a class with these fields."""
    return type("Made", (base,), {"_fields_": [(name, *_as_tuple(kind)) for name, kind in fields.items()]})


def _as_tuple(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


REFUSED = {
    "bit field": (make_ctypes(a=ctypes.c_int, b=(ctypes.c_int, 3)), "field `b` is a bit field of 3 bits"),
    "pointer": (make_ctypes(p=ctypes.POINTER(ctypes.c_int)), "field `p` is a LP_c_int, which has no meaning"),
    "void pointer": (make_ctypes(p=ctypes.c_void_p), "field `p` is a c_void_p, which has no meaning"),
    "char pointer": (make_ctypes(p=ctypes.c_char_p), "field `p` is a c_char_p, which has no meaning"),
    "function": (make_ctypes(f=ctypes.CFUNCTYPE(None)), "field `f` is a CFunctionType, which has no meaning"),
    "object": (make_ctypes(o=ctypes.py_object), "field `o` is a py_object, which has no meaning"),
    "long double": (make_ctypes(g=ctypes.c_longdouble), "field `g` is a c_longdouble"),
    "big-endian": (make_ctypes(ctypes.BigEndianStructure, a=ctypes.c_int), "the format is big-endian"),
    "big-endian field": (make_ctypes(a=ctypes.c_int.__ctype_be__), "field `a` is big-endian"),
    "union": (make_ctypes(ctypes.Union, a=ctypes.c_int), "the format is the union Made"),
    "nested union": (make_ctypes(u=make_ctypes(ctypes.Union, a=ctypes.c_int)), "field `u` is the union Made"),
    "no elements": (make_ctypes(a=ctypes.c_int * 0), "field `a` is an array of no elements"),
    "dotted name": (make_ctypes(**{"a.b": ctypes.c_int}), "field `a.b` has a dot in its name"),
    "numpy objects": (np.dtype([("o", "O")]), "field `o` is dtype('O')"),
    "numpy time": (np.dtype([("t", "M8[ns]")]), "field `t` is dtype('<M8[ns]')"),
    "numpy big-endian": (np.dtype([("a", ">f4")]), "field `a` is big-endian"),
    "numpy long double": (np.dtype([("g", "g")]), "field `g` is dtype('float128')"),
    "numpy nothing": (np.dtype([("a", "i4"), ("s", "S")]), "field `s` is dtype('S') of shape (), which"),
    "msgspec text": (msgspec.defstruct("Made", [("s", str)]), "field `s` is str, of no fixed size"),
    "msgspec list": (msgspec.defstruct("Made", [("s", list[int])]), "field `s` is list[int]: its length must be told"),
    "msgspec dict": (msgspec.defstruct("Made", [("s", dict[str, int])]), "field `s` is dict[str, int], of no fixed"),
    "msgspec code": (msgspec.defstruct("Made", [("s", Annotated[int, "u3"])]), "has the code 'u3', which does not"),
    "msgspec type": (msgspec.defstruct("Made", [("s", Annotated[str, "f4"])]), "is str, which 'f4' does not hold"),
    "msgspec codes": (msgspec.defstruct("Made", [("s", Annotated[int, "u2", "i4"])]), "has several codes: 'u2', 'i4'"),
    "msgspec mixture": (msgspec.defstruct("Made", [("s", tuple[int, float])]), "field `s` is a tuple of different"),
    "msgspec nothing": (msgspec.defstruct("Made", []), "the format is Made, which has no fields"),
    "msgspec optional": (msgspec.defstruct("Made", [("s", "int | None")]), "of no fixed size"),
    "no format": (int, "data_format=<class 'int'> is no format"),
    "text": ("f8", "data_format='f8' is no format"),
}


@pytest.mark.parametrize(("data_format", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_shared_is_refused_with_the_field_named(namespace: Path, data_format: Any, text: str) -> None:
    """A struct of forty fields needs to know which."""
    with pytest.raises(TypeError, match=re.escape(text)):
        HostVariable("made", data_format=data_format)

    assert list(namespace.iterdir()) == []


def test_annotations_that_are_no_codes_are_left_alone() -> None:
    """Units and descriptions are common there."""
    made = msgspec.defstruct("Made", [("s", Annotated[float, "metres", msgspec.Meta(ge=0)])])

    assert [field.type for field in declared(made).layout.fields] == ["float64"]


def test_overlapping_fields_are_refused(namespace: Path) -> None:
    """Numpy allows them, C has unions for that."""
    dtype = np.dtype({"names": ["a", "b"], "formats": ["f4", "f4"], "offsets": [0, 2]})

    with pytest.raises(memlane.InvalidArgument, match="field `b` at byte 2 overlaps another"):
        HostVariable("made", data_format=dtype)

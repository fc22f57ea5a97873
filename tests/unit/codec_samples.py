"""Values that the tests of the codec share, and what "the same value" means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

PLAIN_VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    127,
    128,
    255,
    256,
    65535,
    65536,
    -1,
    -128,
    -129,
    2**31,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**63) - 1,
    2**64,
    10**400,
    -(10**400),
    0.0,
    -0.0,
    1.5,
    math.nan,
    math.inf,
    -math.inf,
    5e-324,
    "",
    "a",
    "é",
    "€",
    "😀",
    "\ud800",
    "\ud83d\ude00",
    "\0",
    "a" * 63,
    "a" * 64,
    "ü" * 200,
    "a" * 254,
    "😀" * 20_000,
    b"",
    b"\0",
    b"x" * 253,
    b"x" * 254,
    b"x" * 4095,
    b"x" * 4096,
    (),
    (1,) * 7,
    (1,) * 8,
    [],
    [None] * 15,
    [None] * 16,
    [0] * 254,
    {},
    {n: str(n) for n in range(15)},
    {n: str(n) for n in range(16)},
    {f"key {n}": float(n) for n in range(300)},
    {True: 1, 2: True, 3.0: None, None: 0, "t": (), b"b": [], (1, ("a", b"b" * 5000)): {}},
    {"x": 1.5, "y": -2.5, "pose": (0.0, 1.0, [2, {"deep": b"z" * 10_000}]), "": "", "ключ": "значение"},
    [b"one" * 2000, "between", b"two" * 3000, [b"three" * 4000]],
)


def label(value: object) -> str:
    """Name a sample for the list of tests; not every array has a repr."""
    return f"{value.dtype!s:.40}" if isinstance(value, np.ndarray) else f"{type(value).__name__} {value!r:.20}"


def dtypes() -> list[np.dtype[Any]]:
    """Give one dtype of each sort that is plain."""
    aligned = np.dtype([("a", "i1"), ("b", "<f8"), ("c", "u2")], align=True)
    spread = np.dtype({"names": ["x", "y"], "formats": ["<f4", "S3"], "offsets": [12, 4], "itemsize": 32})
    numbers = [
        "?",
        "i1",
        "u1",
        "<i2",
        ">i2",
        "<u4",
        ">u4",
        "<i8",
        ">i8",
        "<f2",
        "<f4",
        ">f4",
        "<f8",
        ">f8",
        "<c8",
        ">c16",
    ]
    others = ["<f16", "S1", "S5", "U1", ">U3", "V1", "V7", "<M8[D]", ">M8[ns]", "<M8", "<m8[25s]", "<m8[us]"]
    structured = [
        np.dtype([("x", "<f4"), ("y", ">f8"), ("имя", "U4")]),
        np.dtype([("m", "<f4", (2, 3)), ("when", "<M8[s]"), ("tag", "S3")]),
        np.dtype([("outer", [("inner", "i2"), ("t", aligned)], (2,)), ("last", "?")]),
        np.dtype([("", "i4"), ("named", "i4")]),
        np.dtype([]),
        aligned,
        spread,
    ]
    return [*(np.dtype(code) for code in numbers + others), *structured]


def array_of(dtype: np.dtype[Any], shape: tuple[int, ...], order: str = "C") -> np.ndarray[Any, Any]:
    """Make an array of a dtype whose bytes are all defined and mostly different."""
    count = math.prod(shape) * dtype.itemsize
    content = (np.arange(count, dtype=np.int64) % 97 % 64).astype(np.uint8)
    if dtype.kind == "U":
        content.view(f"{dtype.byteorder.replace('|', '=')}u4")[:] %= 128  # not every number is a character
    if dtype.kind == "b":
        content %= 2
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, content.tobytes())
    return np.asfortranarray(array.copy()) if order == "F" else array.copy()


def assert_same_array(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> None:
    """Compare arrays down to the order and the bytes of their elements."""
    order: Any = "F" if first.flags.fnc else "C"
    assert first.dtype == second.dtype
    assert first.dtype.str == second.dtype.str
    assert first.dtype.isalignedstruct == second.dtype.isalignedstruct
    assert first.shape == second.shape
    assert first.flags.fnc == second.flags.fnc or first.nbytes == 0
    assert first.tobytes(order) == second.tobytes(order)


def assert_same(first: object, second: object) -> None:
    """Compare values with the types of all their parts; NaN is NaN, and -0.0 is not 0.0."""
    assert type(first) is type(second)
    if isinstance(first, float) and isinstance(second, float):
        assert (math.isnan(first) and math.isnan(second)) or first.hex() == second.hex()
    elif isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, dict) and isinstance(second, dict):
        assert_same(list(first), list(second))  # the order of a dict is part of it
        assert_same(list(first.values()), list(second.values()))
    elif isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        assert_same_array(first, second)
    else:
        assert first == second

"""Parameters and identities: the examples of their documents, and their limits."""

from __future__ import annotations

import ctypes
import doctest
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import memlane.buffer.identity
import memlane.buffer.parameter
import memlane.messaging.parameters
from memlane.buffer import DeviceBufferError, DeviceUID, Parameter

if TYPE_CHECKING:
    from types import ModuleType


@pytest.mark.parametrize(
    "module",
    [memlane.buffer.parameter, memlane.buffer.identity, memlane.messaging.parameters],
    ids=lambda it: it.__name__,
)
def test_examples_of_the_docstrings_run(module: ModuleType) -> None:
    """They are the examples of the old system's documents: programs were written after them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failed, attempted = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)

    assert failed == 0
    assert attempted > 0


@pytest.mark.parametrize(
    ("specifier", "ctype"),
    [
        ("bool", ctypes.c_bool),
        ("double", ctypes.c_double),
        ("char[253]", ctypes.c_char * 253),
        ("uint8[2][3]", ctypes.c_uint8 * 2 * 3),
        ("size_t", ctypes.c_size_t),
        ("longlong", ctypes.c_longlong),
    ],
)
def test_specifier_names_a_type_of_ctypes(specifier: str, ctype: object) -> None:
    """Lengths apply from left to right."""
    assert Parameter.parse_ctype(specifier) is ctype


@pytest.mark.parametrize(
    "specifier",
    [
        "char_p", "void_p", "wchar_p", "py_object", "c_int", "int[", "int[]", "int[-1]", "int[0]", "int[1]x", "Int",
        "int 32", "", "float[99999999]", "int[2][99999999999999999999]", "int٣",
    ],
)  # fmt: skip
def test_specifier_that_names_no_type_is_named_in_the_error(specifier: str) -> None:
    """It stands somewhere in a catalog of hundreds."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the next line looks at it)
        Parameter.parse_ctype(specifier)

    assert repr(specifier) in str(caught.value)


@pytest.mark.parametrize(
    ("specifier", "wide"),
    [("double", "float"), ("double[2][3]", "float[2][3]"), ("int64", "int64"), ("float", "float")],
)
def test_double_of_a_peripheral_has_four_bytes(specifier: str, wide: str) -> None:
    """Its processor knows no other."""
    param = Parameter("param", Parameter.parse_ctype(specifier), 0)

    assert param.platform_type is Parameter.parse_ctype(wide)


def test_default_of_a_vector_is_an_error_that_names_the_parameter() -> None:
    """Nobody knows what a vector is made of."""
    with pytest.raises(DeviceBufferError) as caught:
        _ = Parameter("matrix", ctypes.c_bool * 3, 0).default

    assert caught.value.context == {"param": "matrix"}


@pytest.mark.parametrize(("value", "limit"), [(-1.5, -1), (7, 1), (-math.inf, -1), (math.inf, 1)])
def test_value_beyond_a_limit_becomes_the_limit_with_one_warning(value: float, limit: float) -> None:
    """A motor that is asked for too much does what it can, and somebody is told."""
    param = Parameter("duty_cycle", ctypes.c_double, 0, lower=-1, upper=1)

    with pytest.warns(UserWarning, match="duty_cycle") as caught:
        clamped = param.clamp(value)

    assert clamped == limit
    assert len(caught) == 1


@given(st.floats(-1, 1))
def test_value_within_the_limits_stays(value: float) -> None:
    """Limits change nothing else, and say nothing."""
    assert Parameter("duty_cycle", ctypes.c_double, 0, lower=-1, upper=1).clamp(value) == value


def test_nan_is_between_no_limits() -> None:
    """It would pass every comparison, and then drive a motor."""
    with pytest.raises(ValueError, match="duty_cycle"):
        Parameter("duty_cycle", ctypes.c_double, 0).clamp(math.nan)


@given(st.integers(0, (1 << 88) - 1))
def test_identity_is_its_integer(number: int) -> None:
    """Stores and names in shared memory use the integer."""
    assert int(DeviceUID.from_int(number)) == number


@pytest.mark.parametrize("arguments", [(0x10000, 0, 0), (0, 256, 0), (0, 0, 1 << 64), (-1, 0, 0)])
def test_identity_refuses_what_does_not_fit(arguments: tuple[int, int, int]) -> None:
    """A number that wraps around is another device."""
    with pytest.raises(ValueError, match="does not fit"):
        DeviceUID(*arguments)


@pytest.mark.parametrize("number", [-1, 1 << 88])
def test_integer_that_is_no_identity_is_refused(number: int) -> None:
    """It names no device."""
    with pytest.raises(ValueError, match="88 bits"):
        DeviceUID.from_int(number)


@pytest.mark.parametrize("make", [DeviceUID.from_int, DeviceUID])
def test_identity_is_made_of_whole_numbers_of_any_type(make: Any) -> None:
    """Those of numpy are told apart by nothing that one sees, and half of a device is none."""
    assert int(make(np.int64(3))) == int(make(3))
    assert all(type(part) is int for part in make(np.uint8(3)))
    with pytest.raises(TypeError):
        make(1.5)


def test_identity_shows_its_parts() -> None:
    """People compare it with what is printed on the device."""
    assert repr(DeviceUID(12, 3, 255)) == "DeviceUID(device_id=0x000c, year=0x03, random=0x00000000000000ff)"

"""Sizes as callers give them."""

from __future__ import annotations

import pytest

from memlane.sizes import size_in_bytes


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, 1),
        (5000, 5000),
        ("5000", 5000),
        ("5K", 5120),
        ("5k", 5120),
        ("5M", 5 << 20),
        (" 5m ", 5 << 20),
        ("1G", 1 << 30),
    ],
)
def test_every_documented_form_of_a_size_is_understood(size: int | str, expected: int) -> None:
    """Sizes come from configuration files and command lines."""
    assert size_in_bytes(size, "map 'x'") == expected


@pytest.mark.parametrize("size", ["abc", "", "K", "1.5M", "-1", "5T", "5 K", "0", 0, -1, 1.5, "٣", "5\N{KELVIN SIGN}"])
def test_what_is_no_size_is_refused_with_the_forms(size: int | str) -> None:
    """The error teaches what would work."""
    with pytest.raises(ValueError, match=r"map 'x': size=.* is no size: give .*'5000', '5K', '5M' or '1G'"):
        size_in_bytes(size, "map 'x'")


@pytest.mark.parametrize("size", [None, [5], b"5K"])
def test_what_is_neither_number_nor_text_is_a_type_error(size: object) -> None:
    """Wrong use, not a wrong value."""
    with pytest.raises(TypeError, match=r"is no size"):
        size_in_bytes(size, "map 'x'")  # type: ignore[arg-type]

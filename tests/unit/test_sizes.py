"""Sizes as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from memlane.sizes import parse_size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1, 1),
        (4096, 4096),
        ("15", 15),
        ("5K", 5 << 10),
        ("5k", 5 << 10),
        ("5M", 5 << 20),
        ("5m", 5 << 20),
        ("1G", 1 << 30),
        ("1g", 1 << 30),
    ],
)
def test_size_with_or_without_a_unit_of_any_case(written: int | str, size: int) -> None:
    """The old programs write ``'5M'``."""
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["abc", "", "M", "5T", "-1", "1.5M", "5 M", "5MB", "\N{ARABIC-INDIC DIGIT FIVE}M"])
def test_text_that_is_no_size_is_refused_with_the_forms(written: str) -> None:
    """Who mistyped a size has to see how one is written."""
    with pytest.raises(ValueError, match='is no size: give bytes as an integer from 1 up, or as text such as "4096"'):
        parse_size(written)


@pytest.mark.parametrize("written", [0, -1, "0", "0M"])
def test_size_that_is_not_positive_is_refused_with_the_forms(written: int | str) -> None:
    """Nothing fits into nothing."""
    with pytest.raises(ValueError, match='is not positive: give bytes as an integer .* "5K", "5M" or "1G"'):
        parse_size(written)


@pytest.mark.parametrize("written", [1.5, None, b"5M", True, [5]])
def test_other_types_are_refused_with_the_forms(written: Any) -> None:
    """A half byte is a mistake somewhere else."""
    with pytest.raises(TypeError, match='is no size: give bytes as an integer from 1 up, or as text such as "4096"'):
        parse_size(written)

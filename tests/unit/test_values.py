"""The value: written whole, read whole, numbered and dated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable

if TYPE_CHECKING:
    from pathlib import Path

PLAIN_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    -(10**40),
    0.0,
    1.5,
    float("inf"),
    "",
    "größe",
    b"",
    b"\0\xff",
    (),
    [],
    {},
    (1, (2.0, ("three", b"4", None))),
    [[], [[]], [1, [True]]],
    {"pose": {"x": 1.0, "y": (2, 3)}, 7: [None], (1, "a"): b"tuple key", None: False},
]


@pytest.mark.parametrize("value", PLAIN_VALUES, ids=repr)
def test_plain_value_comes_back_equal_and_of_the_same_type(variable: HostVariable, value: object) -> None:
    """What one process wrote is what the other one reads, down to the type."""
    variable.data = value

    assert variable.data == value
    assert type(variable.data) is type(value)


def test_none_is_a_value_like_any_other(variable: HostVariable) -> None:
    """A program that publishes None has published something."""
    variable.data = None

    assert variable.data is None
    assert variable.version == 1
    assert variable.get("default") is None


def test_value_that_was_never_written_is_empty(variable: HostVariable) -> None:
    """Nothing is not a value; what to do instead stands in the text."""
    with pytest.raises(memlane.Empty, match=r"variable 'pose' was never written: write it first, or read it by get"):
        _ = variable.data
    with pytest.raises(memlane.Empty, match="'pose' was never written"):
        variable.read()
    with pytest.raises(memlane.Empty, match="'pose' was never written"):
        _ = variable.age
    with pytest.raises(memlane.Empty, match="'pose' was never written"):
        variable.view()


def test_empty_is_caught_as_lookup_error(variable: HostVariable) -> None:
    """The built-in that fits."""
    with pytest.raises(LookupError):
        _ = variable.data


def test_get_returns_its_default_only_while_empty(variable: HostVariable) -> None:
    """For those who prefer a default to an exception."""
    before = (variable.get(), variable.get("default"), variable.get(default=7))
    variable.data = 1

    assert before == (None, "default", 7)
    assert variable.get("default") == 1


def test_value_read_is_a_copy(variable: HostVariable) -> None:
    """Changing what was read changes nothing that others see."""
    variable.data = [1, 2]

    variable.data.append(3)

    assert variable.data == [1, 2]


def test_version_counts_the_writes_in_all_endpoints(variable: HostVariable) -> None:
    """The version is the same number everywhere."""
    with HostVariable("pose") as other:
        versions = [(variable.version, other.version)]
        for value in range(5):
            (variable, other)[value % 2].data = value
            versions.append((variable.version, other.version))

    assert versions == [(number, number) for number in range(6)]


def test_reading_carries_value_version_and_time_of_one_write(variable: HostVariable) -> None:
    """Who dates a measurement needs the time of that very measurement."""
    before = time.time()
    variable.data = "first"
    variable.data = "second"

    reading = variable.read()

    assert isinstance(reading, memlane.Reading)
    assert (reading.value, reading.version) == ("second", 2)
    assert before - 1 <= reading.timestamp <= time.time() + 1  # the wall clock's offset is looked up once a second
    value, version, timestamp = reading
    assert (value, version, timestamp) == tuple(reading)


def test_age_grows_until_the_next_write(variable: HostVariable) -> None:
    """A controller stops when its input is too old."""
    variable.data = 1
    first = variable.age
    second = variable.age
    variable.data = 2

    assert 0 <= first <= second
    assert variable.age >= 0


def test_age_is_measured_from_the_write_not_from_the_opening(variable: HostVariable) -> None:
    """A reader that comes late must see how old the value really is."""
    variable.data = 1
    before = variable.age

    with HostVariable("pose") as late:
        assert late.age >= before


def test_value_of_exactly_the_largest_size_is_accepted(namespace: Path) -> None:
    """The limit is exact: one byte more is refused, and the error says by how much."""
    with HostVariable("image", 1000) as variable:
        with pytest.raises(memlane.ValueTooLarge) as caught:
            variable.data = bytes(1000)
        overhead = int(str(caught.value).split("takes ")[1].split()[0]) - 1000

        variable.data = bytes(1000 - overhead)
        with pytest.raises(memlane.ValueTooLarge, match="takes 1001 bytes, at most max_size=1000 fit"):
            variable.data = bytes(1000 - overhead + 1)

        assert variable.data == bytes(1000 - overhead)


@pytest.mark.parametrize(
    "value",
    [
        bytes(5000),
        "x" * 5000,
        [0] * 5000,
        {str(number): number for number in range(2000)},
        10**20000,
        np.zeros(5000),
        {"image": np.zeros((100, 100))},
        {1, *range(3000)},
    ],
    ids=["bytes", "str", "list", "dict", "int", "array", "array in dict", "pickled"],
)
def test_too_large_value_is_refused_with_both_sizes_and_the_old_one_stays(
    variable: HostVariable, value: object
) -> None:
    """Nothing is truncated, and nothing is lost."""
    variable.data = "old"

    with pytest.raises(memlane.ValueTooLarge) as caught:
        variable.data = value

    text = str(caught.value)
    size = int(text.removeprefix("variable 'pose': the value takes ").split()[0])
    assert size > 4096
    assert "bytes, at most max_size=4096 fit; the old value stays: write less" in text
    assert (variable.data, variable.version) == ("old", 1)


def test_refused_value_holds_no_slot(namespace: Path) -> None:
    """A program that tries again and again must not use its slots up."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = "old"
        for _ in range(10):
            with pytest.raises(memlane.ValueTooLarge):
                variable.data = bytes(5000)

        variable.data = "new"

        assert variable.data == "new"
        assert variable.stats().slots_writing == 0


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.zeros((0, 3), dtype=np.uint8),
        np.array(7, dtype=np.int16),
        np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        np.arange(20)[::3],
        np.array(["a", "größe"]),
        np.array([b"a", b"bc"]),
        np.array([(1, 2.5)], dtype=[("id", "u2"), ("depth", "f4")]),
        np.array([1 + 2j]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.array([1, 2], dtype=">i4"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_array_comes_back_with_type_shape_and_values(variable: HostVariable, array: Any) -> None:
    """Arrays are what the users share most."""
    variable.data = array

    copy = variable.data

    assert (copy.dtype, copy.shape) == (array.dtype, array.shape)
    assert np.array_equal(copy, array)


def test_array_that_was_read_is_writable_and_private(variable: HostVariable) -> None:
    """A copy belongs to its reader."""
    variable.data = np.zeros(3)

    copy = variable.data
    copy[0] = 1

    assert variable.data[0] == 0


def test_latest_value_is_the_last_one_written(variable: HostVariable) -> None:
    """The value after the last write is the last write's."""
    for number in range(1000):
        variable.data = number

    assert (variable.data, variable.version) == (999, 1000)


def test_value_survives_every_endpoint(namespace: Path) -> None:
    """By default an object stays until it is unlinked."""
    with HostVariable("pose") as writer:
        writer.data = "still here"

    with HostVariable("pose", create=False) as reader:
        assert (reader.data, reader.version) == ("still here", 1)


def test_data_cannot_be_deleted(variable: HostVariable) -> None:
    """There is no way back to never written."""
    variable.data = 1

    with pytest.raises((AttributeError, NotImplementedError)):
        del variable.data

    assert variable.data == 1


def test_unknown_attribute_is_refused(variable: HostVariable) -> None:
    """``variable.value = pose`` must not look like a write."""
    with pytest.raises(AttributeError):
        variable.value = 1  # type: ignore[attr-defined]

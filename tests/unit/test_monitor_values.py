"""Values for the page: bounded trees, pixels and points, whatever somebody wrote."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

from memlane.inspect import Pickled
from memlane.monitor.pictures import part_of, pixels, points, views_of
from memlane.monitor.tree import tree


def number(value: float) -> dict[str, Any]:
    """Return the node of a number that JavaScript has."""
    return {"is": "number", "text": repr(value), "number": value}


def test_plain_values_are_trees_of_their_parts() -> None:
    """Each number has its text, and what is drawn."""
    assert tree({"x": [1.5, None], 3: "text"}) == {
        "is": "fields",
        "length": 2,
        "parts": [
            ["x", {"is": "items", "length": 2, "parts": [["0", number(1.5)], ["1", {"is": "word", "text": "null"}]]}],
            ["3", {"is": "text", "text": "text", "length": 4}],
        ],
    }
    assert tree(b"ab") == {"is": "bytes", "size": 2, "hex": "6162"}
    assert tree(1 + 2j) == {"is": "word", "text": "(1+2j)"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -(2**53), 10**400, 10**9000], ids=range(5))
def test_numbers_that_javascript_does_not_have_are_texts(value: float) -> None:
    """A rounded number looks like a right one."""
    node = tree(value)

    assert node["number"] is None
    assert 0 < len(node["text"]) <= 2000
    assert json.loads(json.dumps(node, allow_nan=False)) == node


@pytest.mark.parametrize("value", [np.longdouble(1.5), np.clongdouble(1.5), {(10**5000,): 1}], ids=range(3))
def test_values_that_python_does_not_write_are_texts(value: object) -> None:
    """It has no float of that size, and refuses so many digits."""
    node = tree({"odd": value})

    assert json.loads(json.dumps(node)) == node
    assert "1.5" in str(node) or "(0x" in str(node)


def test_hostile_values_make_small_trees() -> None:
    """A page must not drown in what somebody wrote."""
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    wide = [list(range(1000))] * 1000
    values = [deep, wide, "x" * 10**6, b"x" * 10**6, {"k" * 10**5: 1}, np.zeros((10**6,)), np.array(["x" * 10**4] * 10)]

    assert [value for value in values if len(json.dumps(tree(value))) > 400_000] == []
    assert tree("x" * 10**6)["length"] == 10**6
    assert tree(wide)["length"] == 1000


def test_pickles_are_operations() -> None:
    """They are not loaded."""
    node = tree(Pickled(pickle.dumps(pytest.fail), ()))

    assert node["is"] == "pickle"
    assert node["needs"]
    assert "STACK_GLOBAL" in node["disassembly"]


def test_structs_and_small_arrays_show_their_elements() -> None:
    """Large ones have statistics instead."""
    record = np.zeros((), dtype=[("x", "f4"), ("part", [("n", "i4", (3,))])])

    fields = dict(tree(record[()])["parts"])
    large = tree(np.arange(100.0))

    assert fields["x"] == number(0.0)
    assert [name for name, _ in dict(fields["part"]["parts"])["n"]["parts"]] == ["0", "1", "2"]
    assert large["statistics"]["max"] == number(99.0)
    assert (len(large["line"]), large["step"]) == (100, 1)
    assert "parts" not in large


@pytest.mark.parametrize(
    ("shape", "dtype", "views"),
    [
        ((100,), "f4", ["line", "flat"]),
        ((30, 40), "u1", ["image"]),
        ((30, 40, 3), "u1", ["image"]),
        ((30, 40, 5), "u1", []),
        ((1000, 3), "f4", ["cloud"]),
        ((1000, 4), "f8", ["cloud"]),
        ((1000, 2), "f8", []),
        ((0, 3), "f4", []),
        ((30, 40), "U3", []),
    ],
)
def test_arrays_are_drawn_by_what_they_look_like(shape: tuple[int, ...], dtype: str, views: list[str]) -> None:
    """Nobody says what an array is."""
    assert views_of(np.zeros(shape, dtype)) == views


def test_bytes_are_shades_and_other_numbers_are_spread() -> None:
    """A camera's picture stays as it is; of depths, the nearest is black."""
    width, height, content = pixels(np.full((8, 9, 4), 100, "u1"))
    depths = pixels(np.linspace(5, 6, 64).reshape(8, 8))[2]
    holes = pixels(np.where(np.eye(8), np.nan, 3.0))[2]

    assert (width, height, content) == (9, 8, b"ddd\xff" * 72)
    assert (depths[:4], depths[-4:]) == (b"\x00\x00\x00\xff", b"\xff\xff\xff\xff")
    assert holes == b"\x00\x00\x00\xff" * 64
    assert pixels(np.zeros(192, "u1"), (8, 8, 3)) == (8, 8, b"\x00\x00\x00\xff" * 64)


def test_large_images_and_clouds_are_thinned() -> None:
    """A browser on a small machine draws them four times a second."""
    width, height, content = pixels(np.zeros((2000, 3000), "u1"))
    cloud = points(np.ones((100_000, 4)))

    assert (width, height, len(content)) == (600, 400, 960_000)
    assert len(cloud) == 20_000 * 16


def test_a_shape_that_does_not_fit_is_refused() -> None:
    """Somebody typed it."""
    with pytest.raises(ValueError, match="reshape"):
        pixels(np.zeros(192, "u1"), (8, 9, 3))
    with pytest.raises(ValueError, match="is no image"):
        pixels(np.zeros(192, "u1"), (2, 96))
    with pytest.raises(ValueError, match="is no cloud"):
        points(np.zeros(192, "u1"))


@pytest.mark.parametrize("value", [{"x": 1.5}, [1], 2, "text", None], ids=lambda value: type(value).__name__)
def test_a_value_that_is_no_array_is_no_picture(value: Any) -> None:
    """The URL of a picture can name any object."""
    kind = type(value).__name__

    with pytest.raises(ValueError, match=f"a {kind} is no image"):
        pixels(value)
    with pytest.raises(ValueError, match=f"a {kind} is no image"):
        pixels(value, (8, 8))
    with pytest.raises(ValueError, match=f"a {kind} is no cloud of points"):
        points(value)


def test_a_path_leads_to_the_part_that_the_tree_names() -> None:
    """Images lie within structs, too."""
    record = np.zeros((), dtype=[("image", "u1", (4,))])[()]

    assert part_of({"a": [{3: "found"}]}, ["a", "0", "3"]) == "found"
    assert list(part_of(record, ["image"])) == [0, 0, 0, 0]
    for path in (["b"], ["a", "7"], ["a", "0", "3", "x"]):
        with pytest.raises((LookupError, ValueError)):
            part_of({"a": [{3: "found"}]}, path)

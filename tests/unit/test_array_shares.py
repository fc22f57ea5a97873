"""Shares of arrays: dtype, shape and order travel along; loans and views copy nothing."""

from __future__ import annotations

import array
import gc
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import NumpyShare, SharedAssign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("ring", "<u2")])


@pytest.fixture
def giver(namespace: Path) -> Iterator[NumpyShare]:
    """Give the side of a share ``cloud`` that puts."""
    with NumpyShare("cloud", "1M", "put") as share:
        yield share


@pytest.fixture
def taker(giver: NumpyShare) -> Iterator[NumpyShare]:
    """Give the side of the same share that takes."""
    with NumpyShare("cloud", "1M", "get") as share:
        yield share


ARRAYS = {
    "cloud": np.arange(4000, dtype=np.float32).reshape(1000, 4),
    "structure": np.zeros(10, POINT),
    "nested structure": np.zeros(2, np.dtype([("pose", POINT), ("name", "S5"), ("grid", "<i2", (2, 3))])),
    "aligned structure": np.zeros(3, np.dtype([("a", "u1"), ("b", "<f8")], align=True)),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.empty((0, 4), np.float32),
    "no dimension": np.array(3.5),
    "big-endian": np.arange(3, dtype=">i4"),
    "text": np.array(["a", "bcd"]),
    "times": np.array(["2026-01-01"], "datetime64[ns]"),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j]),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("kind", ["copy", "view"])
def test_array_that_was_put_is_got_as_it_was(giver: NumpyShare, taker: NumpyShare, name: str, kind: str) -> None:
    """Bit for bit, with dtype, shape and order."""
    given = ARRAYS[name]
    giver.put(given)

    found = taker.get(timeout=0, copy=kind == "copy")

    assert (type(found), found.dtype, found.shape) == (np.ndarray, given.dtype, given.shape)
    assert (found.flags.c_contiguous, found.flags.f_contiguous) == (given.flags.c_contiguous, given.flags.f_contiguous)
    assert found.tobytes() == given.tobytes()
    assert found.flags.writeable is (kind == "copy")


def test_array_with_gaps_is_put_in_c_order(giver: NumpyShare, taker: NumpyShare) -> None:
    """A slice of a cloud is a cloud."""
    given = np.arange(100).reshape(10, 10)[::2, 1::3]
    giver.put(given)

    found = taker.get(timeout=0)

    assert found.flags.c_contiguous
    assert np.array_equal(found, given)


def test_record_array_travels_as_a_structure(giver: NumpyShare, taker: NumpyShare) -> None:
    """Numpy's `recarray` is a convenience of its owner."""
    giver.put(np.zeros(3, POINT).view(np.recarray))

    found = taker.get(timeout=0)

    assert (type(found), found.dtype) == (np.ndarray, POINT)


class Tensor:
    """A tensor as other libraries make them: it speaks DLPack, and nothing else."""

    def __init__(self, values: Any, device: int = 1) -> None:
        self.values, self.device = values, device

    def __dlpack_device__(self) -> tuple[int, int]:
        """Say where the memory is."""
        return (self.device, 0)

    def __dlpack__(self, **keywords: Any) -> Any:
        """Give the memory away."""
        return self.values.__dlpack__(**keywords)


@pytest.mark.parametrize(
    "value",
    [
        Tensor(np.arange(3, dtype=np.float32)),
        np.arange(3, dtype=np.float32).data,
        array.array("f", [0, 1, 2]),
        np.arange(3, dtype=np.float32),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_gives_its_memory_is_taken(giver: NumpyShare, taker: NumpyShare, value: object) -> None:
    """By protocol and not by type: no library has to be imported for its tensors."""
    giver.put(value)

    assert np.array_equal(taker.get(timeout=0), np.arange(3, dtype=np.float32))


def test_bytes_are_an_array_of_bytes(giver: NumpyShare, taker: NumpyShare) -> None:
    """They have the buffer protocol."""
    giver.put(b"\1\2")

    assert np.array_equal(taker.get(timeout=0), np.array([1, 2], np.uint8))


def test_scalar_of_numpy_is_an_array_without_dimensions(giver: NumpyShare, taker: NumpyShare) -> None:
    """What a reduction returns."""
    giver.put(np.float32(2.5))

    assert taker.get(timeout=0) == np.array(2.5, np.float32)


def test_tensor_of_a_torch_is_taken(giver: NumpyShare, taker: NumpyShare) -> None:
    """The segmentation model's own type."""
    torch = pytest.importorskip("torch", reason="torch is not installed: see test_whatever_gives_its_memory_is_taken")
    giver.put(torch.arange(3))

    assert np.array_equal(taker.get(timeout=0), np.arange(3))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2], r"a value of type list is no array: give an ndarray, .* or np\.asarray\(value\)"),
        (None, "a value of type NoneType is no array"),
        (np.array([object()]), "holds Python objects, whose addresses mean nothing to another process"),
        (np.zeros(1, [("a", "O")]), "holds Python objects"),
        (np.ma.array([1, 2], mask=[False, True]), "a masked array would lose its mask"),
        (np.zeros(1, np.dtype([(("title", "name"), "f4")])), "an array of dtype .* cannot be put: .* astype"),
        (Tensor(None, device=2), r"this Tensor lies on DLPack device 2, number 0: copy it to the host first, by \.cpu"),
    ],
    ids=["list", "None", "objects", "object field", "masked", "titles", "GPU"],
)
def test_what_cannot_travel_is_refused_and_the_old_array_stays(
    giver: NumpyShare, taker: NumpyShare, value: object, text: str
) -> None:
    """An address means nothing to another process."""
    giver.put(np.arange(2))

    with pytest.raises(TypeError, match=text):
        giver.put(value)

    assert np.array_equal(taker.get(timeout=0), np.arange(2))


def test_array_of_exactly_the_size_fits_and_one_byte_more_does_not(giver: NumpyShare, taker: NumpyShare) -> None:
    """The document's '5M' means arrays of 5 MiB."""
    giver.put(np.ones(1 << 20, np.uint8))

    with pytest.raises(memlane.OOMError, match="share 'cloud': the value takes 1048577 bytes, at most size=1048576"):
        giver.put(np.zeros((1 << 20) + 1, np.uint8))

    assert np.array_equal(taker.get(timeout=0), np.ones(1 << 20, np.uint8))


def test_value_that_is_no_array_is_left_for_one_who_can_have_it(giver: NumpyShare, taker: NumpyShare) -> None:
    """Both kinds of shares open the same object."""
    with SharedAssign("cloud", None, "put") as other:
        for value, what in (({"a": 1}, "of type dict"), (b"x", "of type bytes"), ({1}, "a pickled value")):
            other.put(value)
            with pytest.raises(TypeError, match=f"what waits there is a value {what}|what waits there is {what}"):
                taker.get(timeout=0)
            with pytest.raises(TypeError, match="no array: take it by memlane.SharedAssign"):
                taker.get(timeout=0, copy=False)
    with SharedAssign("cloud", None, "get") as other:
        assert other.get(timeout=0) == {1}


# -- loans ------------------------------------------------------------------------------------------------------


def test_loan_is_put_at_the_end_of_its_block(giver: NumpyShare, taker: NumpyShare) -> None:
    """No copy on the way in."""
    with giver.loan((2, 3), np.float32, order="F") as filled:
        filled[:] = 7
        with pytest.raises(memlane.Timeout):
            taker.get(timeout=0)

    found = taker.get(timeout=0)

    assert (found.dtype, found.flags.f_contiguous) == (np.float32, True)
    assert np.array_equal(found, np.full((2, 3), 7))


def test_loan_of_a_structure(giver: NumpyShare, taker: NumpyShare) -> None:
    """Point clouds are structures."""
    with giver.loan(5, POINT) as points:
        points["x"], points["ring"] = 1.5, np.arange(5)

    found = taker.get(timeout=0)

    assert (found["x"].tolist(), found["ring"].tolist()) == ([1.5] * 5, [0, 1, 2, 3, 4])


def test_exception_drops_a_loan(giver: NumpyShare, taker: NumpyShare) -> None:
    """Half a cloud is none."""
    giver.put(np.arange(2))

    with pytest.raises(RuntimeError, match="half"), giver.loan(3, np.uint8):
        raise RuntimeError("half")

    assert np.array_equal(taker.get(timeout=0), np.arange(2))
    assert giver.stats().slots_writing == 0


@pytest.mark.parametrize(
    ("shape", "dtype", "error", "text"),
    [
        ((1 << 20) + 1, "u1", memlane.OOMError, "a loan of 1048577 bytes was asked for, at most size=1048576 fit"),
        (3, "O", TypeError, "would hold Python objects"),
        ((1 << 20) // 1200, [(f"field {i:04d}", "f4") for i in range(300)], memlane.OOMError, "at most"),
    ],
    ids=["too large", "objects", "long description"],
)
def test_loan_that_cannot_be_is_refused(
    giver: NumpyShare, shape: int, dtype: Any, error: type[Exception], text: str
) -> None:
    """Before anything is held."""
    with pytest.raises(error, match=text), giver.loan(shape, dtype):
        pass

    assert giver.stats().slots_writing == 0


def test_taker_cannot_loan(taker: NumpyShare) -> None:
    """A loan is a put."""
    with pytest.raises(memlane.WriteAccessError), taker.loan(3, "u1"):
        pass


# -- views ------------------------------------------------------------------------------------------------------


def test_view_is_taken_and_stays_as_it_is_while_it_lives(giver: NumpyShare, taker: NumpyShare) -> None:
    """Its slot is nobody's as long."""
    giver.put(np.full(1000, 1))
    view = taker.get(copy=False)

    for number in range(2, 50):
        giver.put(np.full(1000, number))

    assert (view == 1).all()
    assert taker.get(timeout=0)[0] == 49
    assert giver.stats().slots_pinned == 1
    del view
    assert giver.stats().slots_pinned == 0


def test_view_refuses_writing(giver: NumpyShare, taker: NumpyShare) -> None:
    """Rule 9: an error, never a fault."""
    giver.put(np.zeros(3))
    view = taker.get(copy=False)

    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True
    with pytest.raises(BufferError):
        view.__dlpack__()


def rights_of(address: int) -> str:
    """Return the rights of the mapping that an address lies in."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            extent, rights, *_ = line.split()
            begin, end = (int(part, 16) for part in extent.split("-"))
            if begin <= address < end:
                return rights
    return "none"


def test_view_lies_in_a_read_only_mapping(giver: NumpyShare, taker: NumpyShare) -> None:
    """D5: for those who go around numpy's flag."""
    giver.put(np.zeros(3))
    view = taker.get(copy=False)

    assert rights_of(view.ctypes.data) == "r--s"


def test_view_outlives_everything(giver: NumpyShare, taker: NumpyShare) -> None:
    """Rule 9, and hazard 40."""
    giver.put(np.arange(5))
    view = taker.get(copy=False)

    giver.unlink()
    giver.close()
    taker.close()
    del giver, taker
    gc.collect()

    assert view.tolist() == [0, 1, 2, 3, 4]


def test_fifth_view_of_an_endpoint_is_refused_and_its_value_waits(namespace: Path) -> None:
    """An endpoint keeps at most four versions."""
    with NumpyShare("cloud", 100, "put", slots=8) as giver, NumpyShare("cloud", None, "get") as taker:
        views = []
        for number in range(4):
            giver.put(np.array([number]))
            views.append(taker.get(copy=False))
        giver.put(np.array([4]))

        with pytest.raises(memlane.TooManyViews, match="share 'cloud': this endpoint views 4 versions already"):
            taker.get(copy=False)

        views.pop()
        assert taker.get(timeout=0, copy=False).tolist() == [4]


def test_put_does_not_wait_for_views_and_says_who_has_them(giver: NumpyShare, taker: NumpyShare) -> None:
    """Never waits: four slots, three views and the newest array."""
    views = []
    for number in range(3):
        giver.put(np.array([number]))
        views.append(taker.get(copy=False))
    giver.put(np.array([3]))

    with pytest.raises(memlane.NoFreeSlot, match=rf"none of its 4 slots is free \(pid {os.getpid()} .* views 3\)"):
        giver.put(np.array([4]))

    assert taker.get(timeout=0).tolist() == [3]
    del views
    giver.put(np.array([5]))
    assert taker.get(timeout=0).tolist() == [5]


def test_view_can_be_put_again(giver: NumpyShare, taker: NumpyShare) -> None:
    """Labels are often written over the cloud that came."""
    giver.put(np.arange(3))
    giver.put(taker.get(copy=False))

    assert taker.get(timeout=0).tolist() == [0, 1, 2]

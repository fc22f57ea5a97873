"""Views: the bytes of one version in place, read-only, for as long as the view lives."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable

if TYPE_CHECKING:
    from pathlib import Path


def test_bytes_are_viewed_as_a_memoryview(variable: HostVariable) -> None:
    """D6: the type of the view follows the type of the value."""
    variable.data = b"frame"

    view = variable.view()

    assert type(view) is memoryview
    assert (bytes(view), view.readonly, view.nbytes) == (b"frame", True, 5)


def test_array_is_viewed_as_an_array(variable: HostVariable) -> None:
    """D6, with type and shape."""
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    variable.data = array

    view = variable.view()

    assert type(view) is np.ndarray
    assert (view.dtype, view.shape) == (array.dtype, array.shape)
    assert np.array_equal(view, array)


def test_fortran_order_survives_in_a_view(variable: HostVariable) -> None:
    """A view has the bytes as they lie; their order is part of them."""
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    variable.data = array

    assert np.array_equal(variable.view(), array)


@pytest.mark.parametrize("value", [None, 1, "text", [b"x"], {"a": np.zeros(3)}, (1, 2), {1, 2}], ids=repr)
def test_other_values_cannot_be_viewed(variable: HostVariable, value: object) -> None:
    """They have no single place in memory that Python could point to."""
    variable.data = value

    with pytest.raises(TypeError, match=r"variable 'pose': only bytes and arrays can be viewed in place; read \.data"):
        variable.view()

    assert variable.stats().slots_pinned == 0


def test_memoryview_refuses_writing(variable: HostVariable) -> None:
    """Readers' views are read-only: an error, never a fault."""
    variable.data = b"frame"
    view = variable.view()

    with pytest.raises(TypeError, match="read-only"):
        view[0] = 0
    with pytest.raises(TypeError):
        memoryview(view).cast("B")[0] = 0

    assert variable.data == b"frame"


def test_array_view_refuses_writing_and_cannot_be_made_writable(variable: HostVariable) -> None:
    """Numpy lets the owner of memory switch the flag back on; this memory has no such owner."""
    variable.data = np.zeros(3)
    view = variable.view()

    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True
    with pytest.raises(ValueError, match="WRITEABLE"):
        view[:].flags.writeable = True

    assert variable.data[0] == 0


def test_view_stays_as_it_is_while_the_variable_is_written(variable: HostVariable) -> None:
    """The reason for views: a consistent image without a copy."""
    variable.data = np.full(100, 1.0)
    view = variable.view()

    for number in range(2, 200):
        variable.data = np.full(100, float(number))

    assert np.array_equal(view, np.full(100, 1.0))
    assert variable.data[0] == 199


def test_view_shares_memory_instead_of_copying(namespace: Path) -> None:
    """Two views of one version look at the same bytes."""
    with HostVariable("image", 1 << 21, slots=3) as variable:
        variable.data = np.zeros(1 << 17)

        first, second = variable.view(), variable.view()

        assert np.shares_memory(first, second)
        assert variable.stats().slots_pinned == 1
        del first, second


def test_slice_of_a_view_keeps_the_version(variable: HostVariable) -> None:
    """The slot is free only when the last object that looks into it is gone."""
    variable.data = np.arange(100.0)
    part = variable.view()[10:20]
    gc.collect()

    for _ in range(100):
        variable.data = np.zeros(100)

    assert np.array_equal(part, np.arange(10.0, 20.0))
    assert variable.stats().slots_pinned == 1
    del part
    assert variable.stats().slots_pinned == 0


def test_deleted_view_gives_its_slot_back_at_once(namespace: Path) -> None:
    """With two slots, a view that lives blocks writing, and one that is gone does not."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"one"
        view = variable.view()
        variable.data = b"two"
        del view

        variable.data = b"three"

        assert variable.data == b"three"


def test_released_memoryview_gives_its_slot_back(variable: HostVariable) -> None:
    """Not everybody waits for the garbage collector."""
    variable.data = b"one"
    with variable.view() as view:
        pinned = variable.stats().slots_pinned
        content = bytes(view)

    assert (content, pinned, variable.stats().slots_pinned) == (b"one", 1, 0)


def test_fifth_version_viewed_at_once_is_refused_with_the_limit(variable: HostVariable) -> None:
    """An endpoint pins at most four versions; the fifth would have to wait for a slot."""
    views = []
    for number in range(4):
        variable.data = bytes([number])
        views.append(variable.view())
    variable.data = b"fifth"

    with pytest.raises(memlane.TooManyViews) as caught:
        variable.view()

    assert str(caught.value) == (
        "variable 'pose': this endpoint views 4 versions already: release views, or open a second endpoint"
    )
    assert [bytes(view) for view in views] == [b"\0", b"\1", b"\2", b"\3"]


def test_reading_goes_on_with_four_versions_viewed(variable: HostVariable) -> None:
    """Views must not take reading away from their own endpoint."""
    views = []
    for number in range(4):
        variable.data = bytes([number])
        views.append(variable.view())
    variable.data = b"fifth"

    assert variable.data == b"fifth"
    assert len(views) == 4


def test_views_of_one_version_count_once(variable: HostVariable) -> None:
    """A hundred threads may look at the same image."""
    variable.data = b"image"

    views = [variable.view() for _ in range(100)]

    assert variable.stats().slots_pinned == 1
    assert {bytes(view) for view in views} == {b"image"}


def test_second_endpoint_views_four_more(variable: HostVariable) -> None:
    """What the error advises works."""
    with HostVariable("pose") as other:
        views = []
        for number in range(8):
            variable.data = bytes([number])
            views.append((variable if number < 4 else other).view())

        assert variable.stats().slots_pinned == 8
        del views


@pytest.mark.parametrize("kind", ["bytes", "array"])
def test_view_outlives_close_and_unlink_of_everything(namespace: Path, kind: str) -> None:
    """The mapping goes when the last view goes, not before."""
    value: Any = b"frame" if kind == "bytes" else np.frombuffer(b"frame", np.uint8)
    variable = HostVariable("pose")
    variable.data = value
    view = variable.view()

    variable.close()
    memlane.unlink("pose")
    del variable
    gc.collect()

    assert bytes(view) == b"frame"
    with open("/proc/self/maps") as maps:
        assert str(namespace) in maps.read()
    del view
    with open("/proc/self/maps") as maps:
        assert str(namespace) not in maps.read()


def test_view_of_a_closed_endpoint_still_protects_its_slot(variable: HostVariable) -> None:
    """Valid as long as it lives means: also against writers."""
    with HostVariable("pose") as reader:
        variable.data = b"first"
        view = reader.view()

    for number in range(50):
        variable.data = bytes([number]) * 5

    assert bytes(view) == b"first"
    assert variable.stats().slots_pinned == 1
    del view
    assert variable.stats().slots_pinned == 0


def test_view_lies_in_a_mapping_without_write_permission(variable: HostVariable) -> None:
    """D5: who writes through a raw pointer all the same changes nothing."""
    variable.data = np.zeros(16)
    view = variable.view()
    address = view.ctypes.data

    with open("/proc/self/maps") as maps:
        permissions = [
            line.split()[1]
            for line in maps
            if int(line.split("-")[0], 16) <= address < int(line.split("-")[1].split()[0], 16)
        ]

    assert permissions == ["r--s"]


def test_view_is_aligned_for_every_machine_type(variable: HostVariable) -> None:
    """Unaligned arrays are slow where they work at all."""
    variable.data = np.zeros(16)

    assert variable.view().flags.aligned
    assert variable.view().ctypes.data % 64 == 0


def test_empty_bytes_and_empty_array_can_be_viewed(variable: HostVariable) -> None:
    """The edge where a pointer points to nothing."""
    variable.data = b""
    nothing = bytes(variable.view())
    variable.data = np.zeros((0, 4))

    assert nothing == b""
    assert variable.view().shape == (0, 4)


def test_view_in_a_reference_cycle_is_collected(variable: HostVariable) -> None:
    """Views end up in objects that refer to each other."""
    variable.data = np.zeros(4)
    holder: list[Any] = [variable.view()]
    holder.append(holder)

    del holder
    gc.collect()

    assert variable.stats().slots_pinned == 0


def test_dlpack_of_a_view_without_a_copy_is_refused(variable: HostVariable) -> None:
    """D5: DLPack consumers would write through the pointer; numpy says BufferError for read-only arrays."""
    variable.data = np.zeros(4)

    with pytest.raises(BufferError):
        variable.view().__dlpack__()

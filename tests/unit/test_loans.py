"""Loans: a free slot filled in place, published on a clean exit, dropped on an exception."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from memlane._native.loan import Loan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_loaned_array_is_published_at_the_end_of_the_block(variable: HostVariable) -> None:
    """A camera driver fills the image where readers will find it."""
    with variable.loan((3, 4), "f4") as image:
        image[:] = np.arange(12).reshape(3, 4)
        inside = variable.get("empty")

    assert isinstance(inside, str)
    assert (variable.data.dtype, variable.data.shape, variable.version) == (np.dtype("f4"), (3, 4), 1)
    assert np.array_equal(variable.data, np.arange(12).reshape(3, 4))


def test_loaned_bytes_are_published_at_the_end_of_the_block(variable: HostVariable) -> None:
    """The same for programs without numpy."""
    with variable.loan(size=5) as place:
        assert (type(place), place.readonly, place.nbytes) == (memoryview, False, 5)
        place[:] = b"frame"

    assert variable.data == b"frame"


def test_loan_without_a_size_is_as_large_as_fits(variable: HostVariable) -> None:
    """What is announced fits, to the byte."""
    with variable.loan() as place:
        place[:] = bytes(len(place))
        size = len(place)

    assert variable.data == bytes(size)
    with pytest.raises(memlane.ValueTooLarge):
        variable.data = bytes(size + 1)


@pytest.mark.parametrize("max_size", [1, 2, 3, 6, 255, 256, 260, 300, 4101, 4102, 4160, 4161, 10_000])
def test_loan_without_a_size_fits_every_variable(namespace: Path, max_size: int) -> None:
    """Small objects have another form than large ones; the edges lie between."""
    with HostVariable("pose", max_size) as variable:
        try:
            variable.data = b""
        except memlane.ValueTooLarge:
            with pytest.raises(memlane.ValueTooLarge):
                variable.loan()
            return
        with variable.loan() as place:
            size = len(place)
            place[:] = bytes(size)

        assert variable.data == bytes(size)
        with pytest.raises(memlane.ValueTooLarge):
            variable.data = bytes(size + 1)


def test_fortran_order_is_kept(variable: HostVariable) -> None:
    """Order is part of the array."""
    with variable.loan((2, 3), "f8", order="F") as array:
        array[:] = [[1, 2, 3], [4, 5, 6]]
        assert array.flags.f_contiguous

    assert np.array_equal(variable.data, [[1, 2, 3], [4, 5, 6]])
    assert variable.data.flags.f_contiguous


def test_exception_drops_the_loan(variable: HostVariable) -> None:
    """Half an image is never published."""
    variable.data = "old"

    with pytest.raises(ZeroDivisionError), variable.loan(size=5) as place:
        place[0] = 1
        raise ZeroDivisionError

    assert (variable.data, variable.version, variable.stats().slots_writing) == ("old", 1, 0)


def test_endpoint_writes_and_reads_during_its_loan(variable: HostVariable) -> None:
    """D2: a loan holds one slot and no lock."""
    with variable.loan(size=4) as place:
        variable.data = "meanwhile"
        assert variable.data == "meanwhile"
        place[:] = b"last"

    assert (variable.data, variable.version) == (b"last", 2)


def test_two_loans_of_one_endpoint_have_two_slots(variable: HostVariable) -> None:
    """D2: an endpoint must not be given its own slot again."""
    with variable.loan(size=5) as outer:
        outer[:] = b"outer"
        with variable.loan(size=5) as inner:
            inner[:] = b"inner"
        middle = variable.data
        assert bytes(outer) == b"outer"

    assert (middle, variable.data) == (b"inner", b"outer")


def test_loan_that_was_never_entered_gives_its_slot_back(variable: HostVariable) -> None:
    """A reference that is dropped must not cost a slot for ever."""
    loan = variable.loan(size=1)
    taken = variable.stats().slots_writing

    del loan
    gc.collect()

    assert (taken, variable.stats().slots_writing) == (1, 0)


def test_loan_cannot_be_entered_twice(variable: HostVariable) -> None:
    """The slot belongs to the readers after the first time."""
    loan = variable.loan(size=1)
    with loan as place:
        place[0] = 1

    with pytest.raises(memlane.Closed, match="this loan was entered before: take another one"), loan:
        pass


def test_memoryview_is_unusable_after_the_block(variable: HostVariable) -> None:
    """Readers look at these bytes now."""
    with variable.loan(size=1) as place:
        place[0] = 1

    with pytest.raises(ValueError, match="released"):
        place[0] = 2

    assert variable.data == b"\1"


def test_array_is_read_only_after_the_block(variable: HostVariable) -> None:
    """As far as Python can take writing back."""
    with variable.loan(3, "f8") as array:
        array[:] = 1

    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2

    assert np.array_equal(variable.data, [1, 1, 1])


def test_array_kept_after_the_block_neither_faults_nor_pins(variable: HostVariable, namespace: Path) -> None:
    """The mapping stays as long as something points into it."""
    with variable.loan(3, "f8") as array:
        array[:] = 1
    variable.close()
    gc.collect()

    assert array.sum() == array.sum()
    del array
    gc.collect()
    with open("/proc/self/maps") as maps:
        assert str(namespace) not in maps.read()


@pytest.mark.parametrize(
    "part",
    [lambda place: place[2:5], memoryview, lambda place: np.frombuffer(place, np.uint8), np.asarray],
    ids=["slice", "memoryview", "frombuffer", "asarray"],
)
def test_part_of_the_memoryview_that_is_still_used_stops_the_publication(
    variable: HostVariable, part: Callable[[memoryview], Any]
) -> None:
    """Somebody could go on writing into what readers see: nothing is published, and the error says why."""
    variable.data = "old"
    parts: list[Any] = []

    with pytest.raises(BufferError), variable.loan(size=10) as place:
        parts.append(part(place))

    assert (variable.data, variable.stats().slots_writing) == ("old", 0)


def test_too_large_loan_is_refused_with_both_sizes(variable: HostVariable) -> None:
    """Before the work is done, not after."""
    with pytest.raises(
        memlane.ValueTooLarge, match=r"a loan for this value takes \d+ bytes, at most max_size=4096 fit"
    ):
        variable.loan(size=5000)
    with pytest.raises(memlane.ValueTooLarge, match=f"a loan for this value takes {1 << 70} bytes, at most"):
        variable.loan(size=1 << 70)
    with pytest.raises(memlane.ValueTooLarge, match=r"at most max_size=4096 fit: ask for less, or"):
        variable.loan((100, 100), "f8")

    assert variable.stats().slots_writing == 0


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"shape": 3}, TypeError, "a loan with a shape needs a dtype; for plain bytes give size="),
        ({"dtype": "f8"}, TypeError, "a loan with a dtype needs a shape"),
        ({"size": -1}, ValueError, "a loan of size=-1 bytes: give 0 or more"),
        ({"shape": 3, "dtype": object}, TypeError, "arrays of this dtype cannot be loaned: it holds Python objects"),
        ({"shape": -3, "dtype": "f8"}, ValueError, "negative dimensions"),
        ({"size": 1, "timeout": -1}, ValueError, "give seconds from 0"),
    ],
)
def test_impossible_loan_is_refused_and_holds_nothing(
    variable: HostVariable, arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """A mistake in the arguments must not cost a slot."""
    with pytest.raises(kind, match=text):
        variable.loan(**arguments)

    assert variable.stats().slots_writing == 0


def test_size_together_with_an_array_is_refused(variable: HostVariable) -> None:
    """Two answers to one question."""
    with pytest.raises(TypeError):
        variable.loan(3, "f8", size=5)


def test_loan_with_no_free_slot_names_the_holders(namespace: Path) -> None:
    """The error says who to ask."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"one"
        view = variable.view()
        variable.data = b"two"

        with pytest.raises(memlane.NoFreeSlot) as caught:
            variable.loan(size=1, timeout=0)

        assert "variable 'pose': none of its 2 slots is free" in str(caught.value)
        assert f"pid {os.getpid()} (" in str(caught.value)
        assert "writes or loans 0, views 1" in str(caught.value)
        assert "release views and loans, continue stopped processes, or create it with more slots=" in str(caught.value)
        assert bytes(view) == b"one"


def test_write_with_no_free_slot_fails_after_its_patience_and_the_value_stays(namespace: Path) -> None:
    """D3: a write waits at most a second, then says who holds the slots."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"one"
        view = variable.view()
        variable.data = b"two"

        with pytest.raises(memlane.NoFreeSlot, match="none of its 2 slots is free"):
            variable.data = b"three"

        assert (variable.data, bytes(view)) == (b"two", b"one")
        del view
        variable.data = b"three"
        assert variable.data == b"three"


def test_loan_is_published_although_its_endpoint_was_closed_meanwhile(variable: HostVariable, namespace: Path) -> None:
    """A loan is the caller's until the block ends; what was filled is published all the same."""
    with variable.loan(size=4) as place:
        variable.close()
        place[:] = b"done"

    with HostVariable("pose") as reader:
        assert reader.data == b"done"
        assert (reader.stats().slots_writing, reader.stats().live_participants) == (0, 1)


def test_loan_of_a_closed_endpoint_is_refused(variable: HostVariable) -> None:
    """After close every operation raises Closed."""
    variable.close()

    with pytest.raises(memlane.Closed, match="variable 'pose': this endpoint was closed; open it anew"):
        variable.loan(size=1)


def test_loans_are_not_made_by_hand() -> None:
    """A loan without a slot would be a pointer to nowhere."""
    with pytest.raises(TypeError, match=r"loans are made by HostVariable.loan\(\)"):
        Loan()

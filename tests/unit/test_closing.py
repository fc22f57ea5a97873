"""The end of an endpoint, and what it says of itself before and after."""

from __future__ import annotations

import gc
import os
import weakref
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPERATIONS: dict[str, Callable[[HostVariable], object]] = {
    "data": lambda variable: variable.data,
    "data =": lambda variable: setattr(variable, "data", 1),
    "data = pickled": lambda variable: setattr(variable, "data", {1, 2}),
    "get": lambda variable: variable.get("default"),
    "read": lambda variable: variable.read(),
    "version": lambda variable: variable.version,
    "age": lambda variable: variable.age,
    "wait": lambda variable: variable.wait(timeout=0),
    "updates": lambda variable: next(variable.updates(timeout=0)),
    "view": lambda variable: variable.view(),
    "stats": lambda variable: variable.stats(),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operation_after_close_says_closed_and_what_to_do(
    variable: HostVariable, operation: Callable[[HostVariable], object]
) -> None:
    """One error for all of them, a ValueError as for files."""
    variable.data = b"value"
    variable.close()

    with pytest.raises(memlane.Closed, match=r"^variable 'pose': this endpoint was closed; open it anew$"):
        operation(variable)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operation_on_an_endpoint_that_never_opened_says_so(operation: Callable[[HostVariable], object]) -> None:
    """A constructor that failed leaves an object behind, for instance in a traceback."""
    variable = HostVariable.__new__(HostVariable)

    with pytest.raises(memlane.Closed, match="this endpoint was never opened: its constructor failed or did not run"):
        operation(variable)


def test_endpoint_that_never_opened_is_closed_and_can_be_closed() -> None:
    """Clean-up code runs over everything that there is."""
    variable = HostVariable.__new__(HostVariable)

    variable.close()

    assert variable.closed
    assert not variable.is_current
    assert "never opened" in repr(variable)


def test_close_twice_is_no_error(variable: HostVariable) -> None:
    """``close`` in a ``finally`` must not hide the error that led there."""
    variable.close()
    variable.close()

    assert variable.closed


def test_closed_tells_before_and_after(variable: HostVariable) -> None:
    """As files do."""
    before = variable.closed

    variable.close()

    assert (before, variable.closed) == (False, True)


def test_with_block_closes_also_after_an_exception(namespace: Path) -> None:
    """A context manager that keeps its promise."""
    with pytest.raises(ZeroDivisionError), HostVariable("pose") as variable:
        raise ZeroDivisionError

    assert variable.closed


def test_entering_gives_the_endpoint_itself(variable: HostVariable) -> None:
    """``with HostVariable(...) as variable``."""
    with variable as entered:
        assert entered is variable


def test_closed_endpoint_gives_descriptor_and_memory_back(namespace: Path) -> None:
    """A program that opens and closes for a year must not run out of anything."""
    descriptors = os.listdir("/proc/self/fd")
    with HostVariable("pose") as variable:
        variable.data = 1

    with open("/proc/self/maps") as maps:
        assert str(namespace) not in maps.read()
    assert os.listdir("/proc/self/fd") == descriptors


def test_collected_endpoint_gives_everything_back(namespace: Path) -> None:
    """Without ``close`` the garbage collector does it."""
    descriptors = os.listdir("/proc/self/fd")
    variable = HostVariable("pose")
    gone = weakref.ref(variable)

    del variable
    gc.collect()

    assert gone() is None
    assert os.listdir("/proc/self/fd") == descriptors


def test_closing_disturbs_no_other_endpoint(variable: HostVariable) -> None:
    """Endpoints of one process on one object are independent."""
    with HostVariable("pose") as other:
        other.data = "value"

    assert variable.data == "value"
    assert variable.stats().live_participants == 1


def test_endpoint_opened_and_closed_two_thousand_times_leaves_no_entry(variable: HostVariable) -> None:
    """The table of participants has 128 places; none may leak."""
    for _ in range(2_000):
        HostVariable("pose").close()

    assert variable.stats().live_participants == 1


def test_name_is_known_after_close(variable: HostVariable) -> None:
    """Error handling wants to say which endpoint it was."""
    variable.close()

    assert variable.name == "pose"


def test_repr_names_object_state_sizes_and_place(variable: HostVariable, namespace: Path) -> None:
    """What a debugger shows answers the first questions."""
    variable.data = 1
    variable.data = 2

    assert repr(variable) == f"<memlane.HostVariable 'pose': version 2, 14 slots of 4096 bytes in '{namespace}'>"


def test_repr_of_a_closed_endpoint_says_closed(variable: HostVariable) -> None:
    """The most frequent question about a failing endpoint."""
    variable.close()

    assert repr(variable).startswith("<memlane.HostVariable 'pose': closed, 14 slots")


def test_repr_shows_a_name_with_control_characters_escaped(namespace: Path) -> None:
    """A name must not write to the terminal of whoever prints it."""
    with HostVariable("a\x1b[2J") as variable:
        assert "\x1b" not in repr(variable)
        assert r"'a\x1b[2J'" in repr(variable)


def test_endpoints_are_equal_only_to_themselves(variable: HostVariable) -> None:
    """They may be keys of a dict."""
    with HostVariable("pose") as other:
        assert {variable: 1, other: 2}[variable] == 1
        assert variable != other

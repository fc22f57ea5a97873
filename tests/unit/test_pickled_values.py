"""Values that are not plain: pickled on the way in, and loaded only where nobody else could have written them."""

from __future__ import annotations

import array
import collections
import datetime as dt
import enum
import fractions
import os
import pickle
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest

import memlane
from memlane import HostVariable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Pose:
    """A value as programs have them."""

    x: float
    image: Any = None


class Colour(enum.Enum):
    """A value that must stay the same object."""

    RED = 1


class Point(tuple[int, int]):
    """A subclass of a plain type, which is not plain."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset({1}),
        1 + 2j,
        Pose(1.0),
        Colour.RED,
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        fractions.Fraction(1, 3),
        collections.OrderedDict(a=1),
        bytearray(b"mutable"),
        array.array("d", [1.0]),
        Point((1, 2)),
        [Pose(1.0), {"set": {1}}],
        [*np.array([None, 1], dtype=object).tolist(), range(3)],
    ],
    ids=repr,
)
def test_picklable_value_comes_back_equal_and_of_the_same_type(variable: HostVariable, value: object) -> None:
    """Any picklable object is a value."""
    variable.data = value

    assert variable.data == value
    assert type(variable.data) is type(value)


def test_array_inside_an_object_comes_back_writable(namespace: Path) -> None:
    """Large buffers travel beside the pickle; the copy is the reader's own."""
    image = np.arange(100_000.0)
    with HostVariable("pose", 1 << 20, slots=3) as variable:
        variable.data = Pose(1.0, image)

        copy = variable.data
        copy.image[0] = 7

        assert np.array_equal(variable.data.image, image)


def test_cycle_survives(variable: HostVariable) -> None:
    """D8: what the plain codec cannot express, pickle does."""
    cycle: list[Any] = [1]
    cycle.append(cycle)

    variable.data = cycle

    assert variable.data[1][1][0] == 1


@pytest.mark.parametrize("depth", [64, 65, 200])
def test_deep_nesting_survives(variable: HostVariable, depth: int) -> None:
    """D8: over 64 levels it is pickled; the writer does not notice."""
    value: Any = 1
    for _ in range(depth):
        value = [value]

    variable.data = value

    assert variable.data == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (threading.Lock(), "a value of type _thread.lock cannot be pickled with protocol 5"),
        (lambda: None, "a value of type builtins.function cannot be pickled with protocol 5"),
        ([(letter for letter in "abc")], "a value of type builtins.list cannot be pickled with protocol 5"),
        (memoryview(b"x"), "a value of type builtins.memoryview cannot be pickled"),
    ],
    ids=["lock", "lambda", "generator", "memoryview"],
)
def test_unpicklable_value_is_refused_with_its_type_and_a_way_out(
    variable: HostVariable, value: object, text: str
) -> None:
    """Whoever wrote the value learns which one it was and what would work."""
    variable.data = "old"

    with pytest.raises(memlane.EncodingError) as caught:
        variable.data = value

    assert text in str(caught.value)
    assert (
        "write plain values (numbers, text, bytes, tuples, lists, dicts, arrays), or make its parts picklable"
        in str(caught.value)
    )
    assert caught.value.__cause__ is not None
    assert (variable.data, variable.version, variable.stats().slots_writing) == ("old", 1, 0)


def test_endless_nesting_is_refused_not_a_crash(variable: HostVariable) -> None:
    """A stack overflow would end the program."""
    value: Any = ()
    for _ in range(100_000):
        value = (value,)

    with pytest.raises(memlane.EncodingError):
        variable.data = value
    while value:
        value = value[0]  # one level at a time: the interpreter's own destructor is not ours to test

    assert variable.get("empty") == "empty"


class Raising:
    """A value whose pickling fails in its own code."""

    def __reduce__(self) -> NoReturn:
        raise ZeroDivisionError("in __reduce__")


def test_exception_of_the_value_itself_passes_through(variable: HostVariable) -> None:
    """A defect of the caller's class must look like one."""
    variable.data = "old"

    with pytest.raises(ZeroDivisionError, match="in __reduce__"):
        variable.data = [Raising()]

    assert (variable.data, variable.stats().slots_writing) == ("old", 0)


class Reentrant:
    """A value whose pickling writes the same variable."""

    def __init__(self, variable: HostVariable, depth: int) -> None:
        self.variable = variable
        self.depth = depth

    def __reduce__(self) -> tuple[Any, ...]:
        self.variable.data = Reentrant(self.variable, self.depth - 1) if self.depth else "inner"
        return (str, (f"outer {self.depth}",))


def test_value_whose_pickling_writes_the_same_variable_is_written_last(namespace: Path) -> None:
    """No deadlock, no lost slot, with two slots and with any depth."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = Reentrant(variable, 5)

        assert variable.data == "outer 5"
        assert (variable.stats().writes, variable.stats().slots_writing) == (7, 0)


class Closing:
    """A value whose pickling closes the endpoint that it is written to."""

    def __init__(self, variable: HostVariable) -> None:
        self.variable = variable

    def __reduce__(self) -> tuple[Any, ...]:
        self.variable.close()
        return (int, ())


def test_value_whose_pickling_closes_the_endpoint_is_refused_as_closed(variable: HostVariable) -> None:
    """The mapping goes when the last operation has ended, not in the middle of it."""
    with pytest.raises(memlane.Closed):
        variable.data = Closing(variable)


class Loading:
    """A value whose loading runs code of the reader's program."""

    variable: HostVariable

    def __reduce__(self) -> tuple[Any, ...]:
        return (Loading.close_and_answer, ())

    @staticmethod
    def close_and_answer() -> str:
        """Close the endpoint that is being read."""
        Loading.variable.close()
        return "answer"


def test_value_whose_loading_closes_the_endpoint_is_read_to_the_end(variable: HostVariable) -> None:
    """Loading runs any code; it works on a private copy."""
    Loading.variable = variable
    variable.data = Loading()

    assert variable.data == "answer"
    assert variable.closed


class Choosy:
    """A value that does not take what it gave."""

    def __getstate__(self) -> str:
        """Give something."""
        return "state"

    def __setstate__(self, state: str) -> None:
        """Refuse it."""
        raise ValueError(f"not {state}")


def test_error_of_a_class_that_is_loaded_passes_through(variable: HostVariable) -> None:
    """It is the program's own, not a damage of the pickle."""
    variable.data = Choosy()

    with pytest.raises(ValueError, match="not state") as caught:
        _ = variable.data

    assert type(caught.value) is ValueError


class Vanished:
    """A value whose class the reader does not have."""


def test_value_of_a_class_that_the_reader_lacks_is_pythons_own_error(
    variable: HostVariable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version was read; what is missing is the reader's code."""
    variable.data = Vanished()
    monkeypatch.delattr("tests.unit.test_pickled_values.Vanished")

    with pytest.raises(AttributeError, match="Vanished"):
        _ = variable.data

    variable.data = "plain"
    assert variable.data == "plain"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o660, 0o666])
def test_pickle_that_others_could_have_written_is_refused(namespace: Path, mode: int) -> None:
    """Rule 11: a pickle runs any code that its writer wants."""
    with HostVariable("pose", mode=mode) as variable:
        variable.data = {1, 2}

        with pytest.raises(memlane.UnsafePickle) as caught:
            _ = variable.data

    assert "variable 'pose' holds a pickle, which could run any code, and others than this user can write to it" in str(
        caught.value
    )
    assert "write plain values" in str(caught.value)
    assert "or open it with allow_pickle=True where you trust every writer" in str(caught.value)


@pytest.mark.parametrize(
    "read",
    [
        lambda variable: variable.data,
        lambda variable: variable.get("default"),
        lambda variable: variable.read(),
        lambda variable: variable.wait(timeout=0),
        lambda variable: next(variable.updates(timeout=0)),
    ],
    ids=["data", "get", "read", "wait", "updates"],
)
def test_pickle_is_refused_by_every_way_of_reading(namespace: Path, read: Callable[[HostVariable], object]) -> None:
    """No second door."""
    with HostVariable("pose", mode=0o660) as variable:
        variable.data = {1, 2}

        with pytest.raises(memlane.UnsafePickle):
            read(variable)


def test_plain_value_is_read_where_others_can_write(namespace: Path) -> None:
    """Rule 11 is about pickles only."""
    with HostVariable("pose", mode=0o666) as variable:
        variable.data = {"x": 1.0, "image": np.zeros(3)}

        assert variable.data["x"] == 1.0


def test_object_that_only_others_can_read_may_hold_pickles(namespace: Path) -> None:
    """Rule 11 asks who can write."""
    with HostVariable("pose", mode=0o644) as variable:
        variable.data = {1, 2}

        assert variable.data == {1, 2}


def test_trust_can_be_declared(namespace: Path) -> None:
    """``allow_pickle=True`` where every writer is trusted."""
    with HostVariable("pose", mode=0o660, allow_pickle=True) as variable:
        variable.data = {1, 2}

        assert variable.data == {1, 2}


def test_pickles_can_be_refused_everywhere(variable: HostVariable) -> None:
    """D33: no code from data, also among processes of one user."""
    variable.data = {1, 2}

    with (
        HostVariable("pose", allow_pickle=False) as reader,
        pytest.raises(memlane.UnsafePickle, match="and this endpoint was opened with allow_pickle=False"),
    ):
        _ = reader.data


def test_file_opened_to_others_later_is_noticed(variable: HostVariable, namespace: Path) -> None:
    """Somebody changes the mode while the endpoint is open: the next pickle is refused."""
    variable.data = {1, 2}
    before = variable.data
    (namespace / "pose").chmod(0o666)

    with pytest.raises(memlane.UnsafePickle, match="others than this user can write to it"):
        _ = variable.data

    assert before == {1, 2}


def test_refused_pickle_was_not_run(namespace: Path) -> None:
    """Refusing means before loading."""
    with HostVariable("pose", mode=0o660) as variable:
        Loading.variable = variable
        variable.data = Loading()

        with pytest.raises(memlane.UnsafePickle):
            _ = variable.data

        assert not variable.closed


def stored_pickle(namespace: Path) -> bytes:
    """Return the pickle that lies in the only slot in use."""
    content = (namespace / "pose").read_bytes()
    start = max(content.rfind(b"\x80\x02"), content.rfind(b"\x80\x05"))
    return content[start : content.index(b".", start) + 1]


@pytest.mark.parametrize("protocol", [2, 5])
def test_protocol_is_a_property_of_the_object(namespace: Path, protocol: int) -> None:
    """Peers on Python 2.7 read protocol 2: whoever writes, writes that."""
    with HostVariable("pose", protocol=protocol), HostVariable("pose") as writer:
        writer.data = {1}

        pickled = stored_pickle(namespace)
        value = writer.data

    assert pickled[:2] == bytes([0x80, protocol])
    assert pickle.loads(pickled) == value == {1}


def test_protocol_2_holds_arrays_inside_objects(namespace: Path) -> None:
    """Without out-of-band buffers everything is part of the pickle."""
    with HostVariable("pose", 100_000, protocol=2) as variable:
        variable.data = Pose(1.0, np.arange(100.0))

        assert np.array_equal(variable.data.image, np.arange(100.0))


def test_bytes_of_python_2_are_read_as_text(namespace: Path) -> None:
    """D32: a ``str`` of Python 2 is text where it is UTF-8, and nothing is lost where it is not."""
    with HostVariable("pose", protocol=2) as variable:
        variable.data = {os.getpid()}  # puts a pickle in place, whose bytes are exchanged below
        path = namespace / "pose"
        content = path.read_bytes()
        written = stored_pickle(namespace)
        of_python_2 = b"\x80\x02U\x05gr\xc3\xb6\xff." + b"\0" * 100
        with path.open("r+b") as file:
            file.seek(content.rindex(written))
            file.write(of_python_2[: len(written)].ljust(len(written), b"\0"))

        assert variable.data == "grö\udcff"

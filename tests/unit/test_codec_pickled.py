"""Values that are not plain are pickled, with their large buffers beside the pickle."""

from __future__ import annotations

import enum
import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import pytest

from memlane.codec import pickled, plain
from memlane.errors import EncodingError, Error
from tests.unit.codec_samples import assert_same


@dataclass
class Pose:
    """A class of somebody's program."""

    x: float
    image: np.ndarray[Any, Any]


class Colour(enum.Enum):
    """An enumeration of somebody's program."""

    RED = 1


class Exporter:
    """Gives its content out of band."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle as `Exporter(buffer)`."""
        content = pickle.PickleBuffer(self.content) if protocol >= 5 else bytes(self.content)
        return Exporter, (content,)


class Failing:
    """Its own pickling fails."""

    def __getstate__(self) -> NoReturn:
        """Fail."""
        raise ZeroDivisionError("of the class")


def round_trip(value: object, protocol: int = 5) -> Any:
    """Pickle and load a value through the payload."""
    return plain.loads(*plain.dumps_pickled(value, protocol))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "value",
    [{1, 2}, 1j, Decimal("1.50"), OrderedDict(a=[1]), Colour.RED, bytearray(b"x"), np.float64(2.5), [None, "é\ud800"]],
    ids=repr,
)
def test_value_comes_back_with_its_type(value: object, protocol: int) -> None:
    """What is not plain must look the same to the user."""
    result = round_trip(value, protocol)

    assert type(result) is type(value)
    assert result == value


def test_array_inside_an_object_leaves_the_pickle() -> None:
    """A megabyte in the pickle would be copied three times, beside it once each way."""
    pose = Pose(1.5, np.arange(100_000.0))

    head, buffers = pickled.dumps(pose)
    result = round_trip(pose)

    assert len(head) < 1000
    assert [buffer.nbytes for buffer in buffers] == [800_000]
    assert_same(pose.image, result.image)
    assert result.image.flags.writeable


def test_buffers_begin_at_cache_lines_and_come_back_writable_where_they_were() -> None:
    """Arrays compute best on aligned memory, and programs write into what they could write before."""
    value = [Exporter(bytearray(b"a" * 5000)), Exporter(b"b" * 70_001), Exporter(b"")]

    content_type, payload = plain.dumps_pickled(value, 5)
    results = plain.loads(content_type, payload)

    assert content_type == plain.PICKLE_BUFFERS
    assert [payload.index(mark * 5000) % 64 for mark in (b"a", b"b")] == [0, 0]
    assert [memoryview(result.content).readonly for result in results] == [False, True, True]
    assert [bytes(result.content) for result in results] == [bytes(exporter.content) for exporter in value]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_old_protocols_keep_everything_in_the_pickle(protocol: int) -> None:
    """Python 2.7 knows no buffers beside a pickle."""
    content_type, payload = plain.dumps_pickled([np.arange(10_000), Exporter(b"b" * 5000)], protocol)

    assert content_type == plain.PICKLE
    assert payload[:2] == bytes([0x80, protocol])


def test_buffer_with_gaps_stays_in_the_pickle() -> None:
    """Its bytes do not lie together; numpy would copy them, others raise an error."""
    array = np.arange(20_000).reshape(100, 200)[:, ::2]

    with pytest.raises(BufferError):
        pickle.PickleBuffer(memoryview(array.data)).raw()
    result = round_trip({"part": array, "set": {1}})

    assert (result["part"] == array).all()


def test_non_contiguous_out_of_band_buffer_is_handled_or_refused_with_its_reason() -> None:
    """`pickle` writes contiguous buffers only; the reason must reach the user as an error of ours or of `pickle`."""
    with pytest.raises(pickle.PicklingError, match="contiguous"):
        pickled.dumps(pickle.PickleBuffer(memoryview(bytes(100))[::2]))


def test_fortran_order_leaves_the_pickle_too() -> None:
    """It has no gaps."""
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))

    result = round_trip([array, {1}])

    assert_same(array, result[0])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (threading.Lock(), "_thread.lock"),
        (lambda: None, "builtins.function"),
        ([1, {"k": (number for number in (1, 2))}], "builtins.list"),
        (type("Local", (), {})(), "Local"),
    ],
    ids=["lock", "lambda", "generator", "local"],
)
def test_value_that_cannot_be_pickled_is_named_with_its_type_and_a_way_out(value: object, kind: str) -> None:
    """`cannot pickle '_thread.lock' object` leaves the user alone with it."""
    with pytest.raises(EncodingError, match=rf"a value of type \S*{kind} cannot be pickled with protocol 5: .+; write"):
        pickled.dumps(value)


@pytest.mark.parametrize("base", [Error, pickle.PicklingError, TypeError])
def test_refusal_is_caught_as_what_pickle_would_have_raised(base: type[Exception]) -> None:
    """Programs that caught the errors of `pickle` go on working."""
    with pytest.raises(base) as caught:
        pickled.dumps(threading.Lock())

    assert isinstance(caught.value.__cause__, TypeError)


def test_nesting_that_pickle_cannot_follow_is_refused() -> None:
    """A list 100,000 deep is a mistake, not a crash."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(EncodingError, match="a value of type builtins.list cannot be pickled") as caught:
        pickled.dumps(value)

    assert isinstance(caught.value.__cause__, RecursionError)


def test_error_of_the_class_itself_passes_through() -> None:
    """It is the program's own, and its handlers know it."""
    with pytest.raises(ZeroDivisionError, match="of the class"):
        pickled.dumps(Failing())


def test_text_of_python_2_is_read_as_utf_8() -> None:
    """Python 2 pickles its `str` as bytes without saying what they mean (D32)."""
    ascii_text, utf_8, latin_1 = b"U\x03abc", b"U\x02\xc3\xa9", b"U\x01\xe9"

    result = pickled.loads(b"\x80\x02(" + ascii_text + utf_8 + latin_1 + b"l.", [])

    assert result == ["abc", "é", "\udce9"]


def test_payload_of_a_pickle_alone_is_the_pickle() -> None:
    """Python 2 and tools read it with nothing else."""
    content_type, payload = plain.dumps_pickled({1, 2}, 4)

    assert (content_type, payload) == (plain.PICKLE, pickle.dumps({1, 2}, 4))

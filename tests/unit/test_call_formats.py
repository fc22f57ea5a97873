"""Functions whose arguments and results have a fixed format, as peers in C and C++ have them."""

from __future__ import annotations

import ctypes
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostFunctionCaller, HostFunctionDispatcher
from tests.formats import POSE_DTYPE, Pose, PoseObject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0


class Verdict(ctypes.Structure):
    """A result."""

    _fields_ = [("label", ctypes.c_int64), ("score", ctypes.c_double)]


class Other(ctypes.Structure):
    """The same but for a type."""

    _fields_ = [("label", ctypes.c_int64), ("score", ctypes.c_int64)]


def judge(pose: Any) -> Verdict:
    """Tell something about a pose that was declared by ctypes."""
    return Verdict(int(pose.x), pose.yaw)


@pytest.fixture
def dispatcher(namespace: Path) -> Iterator[HostFunctionDispatcher]:
    """Give a dispatcher that serves `judge` in a thread of its own."""
    assert namespace.exists()
    with HostFunctionDispatcher() as serving:
        serving.add("judge", judge, arg_format=PoseObject, ret_format=Verdict)
        yield serving.start()


@pytest.mark.usefixtures("dispatcher")
def test_struct_goes_there_and_another_comes_back() -> None:
    """What a C program would get and give."""
    with HostFunctionCaller("judge", arg_format=PoseObject, ret_format=Verdict, timeout=PATIENCE) as caller:
        verdict = caller.call(PoseObject(7, 0, 0, 0, 0.5))

    assert type(verdict) is Verdict
    assert (verdict.label, verdict.score) == (7, 0.5)


@pytest.mark.usefixtures("dispatcher")
@pytest.mark.parametrize("value", [PoseObject(7, 0, 0, 0, 0.5), Pose(7, 0, 0, 0, 0.5), (7, 0, 0, 0, 0.5)])
def test_caller_without_formats_adopts_those_that_are_there(value: object) -> None:
    """A tool calls what it does not know."""
    with HostFunctionCaller("judge", timeout=PATIENCE) as caller:
        form = Pose if isinstance(value, Pose) else None
    with HostFunctionCaller("judge", arg_format=form, timeout=PATIENCE) as caller:
        verdict = caller.call(value)

        assert caller.arg_format in (POSE_DTYPE, Pose)
        assert (verdict["label"], verdict["score"]) == (7, 0.5)


@pytest.mark.usefixtures("dispatcher")
def test_fields_can_be_given_by_their_names() -> None:
    """A call reads as what it says."""
    with HostFunctionCaller("judge", ret_format=Verdict, timeout=PATIENCE) as caller:
        assert caller.call(x=3, y=0, z=0, roll=0, yaw=1).label == 3
        with pytest.raises(TypeError, match="its arguments have a format: give one value of it"):
            caller.call(1, 2)


@pytest.mark.usefixtures("dispatcher")
def test_another_format_is_refused_with_side_and_field_named() -> None:
    """Who declares another struct must not read numbers that were never written."""
    with pytest.raises(memlane.SchemaMismatch, match="of its results, field `score`: int64 here, float64 there"):
        HostFunctionCaller("judge", ret_format=Other)
    with pytest.raises(memlane.SchemaMismatch, match="of its arguments, "), HostFunctionDispatcher() as other:
        other.add("judge", judge, arg_format=Other)


@pytest.mark.usefixtures("namespace")
def test_format_is_refused_by_a_function_without_one() -> None:
    """What others send there has no format."""
    with HostFunctionCaller("judge"), pytest.raises(memlane.SchemaMismatch, match="values of any type there"):
        HostFunctionCaller("judge", arg_format=PoseObject)


@pytest.mark.usefixtures("dispatcher")
def test_value_that_is_not_of_the_format_is_refused_where_it_is() -> None:
    """A wrong value never reaches shared memory."""
    with HostFunctionCaller("judge", timeout=PATIENCE) as caller:
        with pytest.raises(TypeError, match="arguments of function 'judge'"):
            caller.call("no pose")
        assert caller.stats().calls == 0


def test_result_that_is_not_of_the_format_is_the_callers_error(dispatcher: HostFunctionDispatcher) -> None:
    """The caller learns what the server did wrong."""
    dispatcher.add("wrong", lambda pose: "no verdict", arg_format=PoseObject, ret_format=Verdict)  # noqa: ARG005

    with (
        HostFunctionCaller("wrong", timeout=PATIENCE) as caller,
        pytest.raises(TypeError, match="result of function 'wrong'"),
    ):
        caller.call(x=0, y=0, z=0, roll=0, yaw=0)


def test_exceptions_need_no_format(dispatcher: HostFunctionDispatcher) -> None:
    """A struct has no room for what went wrong."""

    def fail(pose: object) -> None:
        raise KeyError("camera")

    dispatcher.add("fails", fail, arg_format=PoseObject, ret_format=Verdict)

    with HostFunctionCaller("fails", timeout=PATIENCE) as caller, pytest.raises(KeyError, match="camera"):
        caller.call(x=0, y=0, z=0, roll=0, yaw=0)


def test_large_arrays_are_formats_too(dispatcher: HostFunctionDispatcher) -> None:
    """An image is a struct of one field, and copied once each way."""
    image = np.dtype(("u1", (480, 640)))
    dispatcher.add("invert", lambda pixels: 255 - pixels, arg_format=image, ret_format=image)
    pixels = np.arange(480 * 640, dtype="u4").astype("u1").reshape(480, 640)

    with HostFunctionCaller("invert", arg_format=image, ret_format=image, timeout=PATIENCE) as caller:
        assert np.array_equal(caller.call(pixels), 255 - pixels)
        assert np.array_equal(caller.call(pixels[:, ::-1]), 255 - pixels[:, ::-1])


def test_one_side_can_have_a_format_alone(dispatcher: HostFunctionDispatcher) -> None:
    """A result of any type, from arguments that C knows; and msgspec structs arrive as such."""
    dispatcher.add("describe", lambda pose: [type(pose).__name__, pose.x], arg_format=Pose)

    with HostFunctionCaller("describe", timeout=PATIENCE) as caller:
        assert caller.call(x=2, y=0, z=0, roll=0, yaw=0) == ["Pose", 2.0]
        assert caller.ret_format is None


def test_raw_caller_sends_and_reads_the_bytes_of_the_structs(dispatcher: HostFunctionDispatcher) -> None:
    """Bytes that come from elsewhere go through as they are; of another size they are refused."""
    assert dispatcher.running
    with HostFunctionCaller("judge", raw=True, timeout=PATIENCE) as caller:
        assert caller.call(bytes(PoseObject(7, 0, 0, 0, 0.5))) == bytes(Verdict(7, 0.5))
        with pytest.raises(memlane.InvalidArgument, match="its arguments have a format: 3 bytes"):
            caller.call(b"abc")


@pytest.mark.usefixtures("namespace")
def test_size_beside_a_format_must_be_its_own() -> None:
    """Two sizes that contradict each other are one mistake."""
    with pytest.raises(memlane.InvalidArgument, match="max_sz_args=100 was asked for, and a format"):
        HostFunctionCaller("judge", 100, arg_format=PoseObject)
    with HostFunctionCaller("judge", arg_format=PoseObject, max_sz_ret=0) as caller:
        assert "arguments of 40 bytes" in repr(caller)
        caller.unlink()


@pytest.mark.usefixtures("dispatcher")
def test_pickled_caller_has_the_formats_that_it_was_made_with() -> None:
    """A worker gets what its parent would get; a class that it could not find is refused here."""
    with (
        HostFunctionCaller("judge", ret_format=Verdict, timeout=PATIENCE) as caller,
        pickle.loads(pickle.dumps(caller)) as again,
    ):
        assert type(again.call(x=1, y=0, z=0, roll=0, yaw=0)) is Verdict

    class Local(ctypes.Structure):
        _fields_ = Verdict._fields_

    with (
        HostFunctionCaller("judge", ret_format=Local) as caller,
        pytest.raises(pickle.PicklingError, match=r"ret_format=.*Local is not found by that name"),
    ):
        pickle.dumps(caller)

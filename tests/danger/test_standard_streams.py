"""Programs whose standard streams are closed, as those of daemons are: what they print must reach no object."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostFunctionCaller, HostFunctionDispatcher, HostVariable, UnsafeSharedMMap
from tests.children import answer_of_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STANDARD_STREAMS = (0, 1, 2)


def printing_fails(number: int) -> bool:
    """Write as a program does that knows nothing of the descriptor being closed."""
    try:
        os.write(number, b"Fatal error: this would be in the header\n")
    except OSError as error:
        return error.errno == errno.EBADF
    return False


def open_variable() -> list[object]:
    """Open one with everything that takes a descriptor."""
    variable = HostVariable("pose")
    variable.data = b"value"
    variable.fileno()
    return [variable, variable.view()]


def open_function() -> list[object]:
    """Open both sides of one."""
    dispatcher = HostFunctionDispatcher()
    dispatcher.add("increment", abs)
    return [dispatcher, HostFunctionCaller("increment")]


@pytest.mark.parametrize(
    "open_object",
    [
        open_variable,
        open_function,
        lambda: [memlane.open_channel("bytes", memlane.CHAN_W)],
        lambda: [UnsafeSharedMMap("map", 100)],
    ],
    ids=["variable", "function", "channel", "map"],
)
def test_what_a_program_prints_to_closed_streams_goes_into_no_object(
    namespace: Path, open_object: Callable[[], list[object]]
) -> None:
    """Descriptors are given out from the lowest on: an object would be the standard error of who has none."""

    def close_streams_and_open() -> list[bool]:
        for number in STANDARD_STREAMS:
            os.close(number)
        _held = open_object()
        return [printing_fails(number) for number in STANDARD_STREAMS]

    assert answer_of_child(close_streams_and_open) == [True, True, True]

"""Ways to do a thing, mostly between two processes: by memlane, and by what the standard library has.

Each is given a directory for its objects and a processor for the other process, and gives what repeats the thing.
"""

from __future__ import annotations

import mmap
import os
import pickle
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from memlane import (
    CHAN_R,
    CHAN_W,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    NumpyShare,
    OppositeEndClosedError,
    open_channel,
)
from memlane.cli.bench.beside import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Repeat = Callable[[int], object]
    Way = Callable[[str, int], AbstractContextManager[Repeat]]

MESSAGE = bytes(range(64))
POSE = {"x": 1.5, "y": -2.5, "z": 3.5, "roll": 0.1, "yaw": 0.2}
CAPACITY = 65_536
ARRAY_BYTES = 1 << 20


def repeated(step: Callable[[], object]) -> Repeat:
    """Make a loop of a step."""

    def repeat(times: int) -> None:
        for _ in range(times):
            step()

    return repeat


def for_ever(step: Callable[[], object]) -> None:
    """Do a step until killed."""
    while True:
        step()


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Make a pipe."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


# -- there and back ---------------------------------------------------------------------------------------------


@contextmanager
def by_channels(directory: str, processor: int) -> Iterator[Repeat]:
    """Send 64 bytes there, and 64 back."""

    def answer() -> None:
        there = open_channel("there", CHAN_R, CAPACITY, directory=directory)
        back = open_channel("back", CHAN_W, CAPACITY, directory=directory)
        with suppress(OppositeEndClosedError):
            for_ever(lambda: back.write(there.read_bytes(64)))

    with (
        beside(answer, processor),
        open_channel("there", CHAN_W, CAPACITY, directory=directory) as there,
        open_channel("back", CHAN_R, CAPACITY, directory=directory) as back,
    ):

        def repeat(times: int) -> None:
            for _ in range(times):
                there.write(MESSAGE)
                back.read_bytes(64)

        yield repeat


@contextmanager
def by_variables(directory: str, processor: int) -> Iterator[Repeat]:
    """Set a value, and wait for one in return."""

    def answer() -> None:
        there, back = HostVariable("there", directory=directory), HostVariable("back", directory=directory)
        while True:
            back.data = there.wait()

    with (
        beside(answer, processor),
        HostVariable("there", directory=directory) as there,
        HostVariable("back", directory=directory) as back,
    ):

        def repeat(times: int) -> None:
            for _ in range(times):
                there.data = MESSAGE
                back.wait()

        yield repeat


@contextmanager
def by_pipes(_directory: str, processor: int) -> Iterator[Repeat]:
    """Write 64 bytes there, and 64 back."""
    with (
        pipe() as there,
        pipe() as back,
        beside(lambda: for_ever(lambda: os.write(back[1], os.read(there[0], 64))), processor),
    ):

        def repeat(times: int) -> None:
            for _ in range(times):
                os.write(there[1], MESSAGE)
                os.read(back[0], 64)

        yield repeat


# -- one way ----------------------------------------------------------------------------------------------------


@contextmanager
def through_channel(directory: str, processor: int) -> Iterator[Repeat]:
    """Send 64 bytes, and no answer."""

    def answer() -> None:
        end = open_channel("there", CHAN_R, CAPACITY, directory=directory)
        with suppress(OppositeEndClosedError):
            for_ever(lambda: end.read_bytes(64))

    with beside(answer, processor), open_channel("there", CHAN_W, CAPACITY, directory=directory) as end:
        yield repeated(lambda: end.write(MESSAGE))


@contextmanager
def through_pipe(_directory: str, processor: int) -> Iterator[Repeat]:
    """Write 64 bytes, and no answer."""
    with pipe() as there, beside(lambda: for_ever(lambda: os.read(there[0], 64)), processor):
        yield repeated(lambda: os.write(there[1], MESSAGE))


# -- calls ------------------------------------------------------------------------------------------------------


def add(first: int, second: int) -> int:
    """Return the sum: what is called."""
    return first + second


@contextmanager
def by_call(directory: str, processor: int) -> Iterator[Repeat]:
    """Call a function."""

    def answer() -> None:
        dispatcher = HostFunctionDispatcher(directory=directory)
        dispatcher.add("add", add)
        dispatcher.serve_forever()

    with beside(answer, processor), HostFunctionCaller("add", directory=directory) as caller:
        yield repeated(lambda: caller.call(1, 2))


def _send(end: int, value: object) -> int:
    return os.write(end, pickle.dumps(value, 5))


def _receive(end: int) -> Any:
    return pickle.loads(os.read(end, CAPACITY))  # noqa: S301  (our own)


@contextmanager
def by_pickles(_directory: str, processor: int) -> Iterator[Repeat]:
    """Send pickled arguments there, and a pickled result back."""
    with (
        pipe() as there,
        pipe() as back,
        beside(lambda: for_ever(lambda: _send(back[1], add(*_receive(there[0])))), processor),
    ):
        yield repeated(lambda: (_send(there[1], (1, 2)), _receive(back[0])))


# -- the latest value, in one process ---------------------------------------------------------------------------


@contextmanager
def by_setting(directory: str, _processor: int) -> Iterator[Repeat]:
    """Set a dict of 5 floats."""
    with HostVariable("pose", directory=directory) as pose:

        def repeat(times: int) -> None:
            for _ in range(times):
                pose.data = POSE

        yield repeat


@contextmanager
def by_getting(directory: str, _processor: int) -> Iterator[Repeat]:
    """Get it."""
    with HostVariable("pose", directory=directory) as pose:
        pose.data = POSE

        def repeat(times: int) -> None:
            for _ in range(times):
                _value = pose.data

        yield repeat


@contextmanager
def by_pickling(_directory: str, _processor: int) -> Iterator[Repeat]:
    """Write it to a mapping as a pickle, without a lock: who reads meanwhile finds two halves."""
    with mmap.mmap(-1, CAPACITY) as memory:

        def step() -> None:
            content = pickle.dumps(POSE, 5)
            memory[: len(content)] = content

        yield repeated(step)


@contextmanager
def by_unpickling(_directory: str, _processor: int) -> Iterator[Repeat]:
    """Read it from there."""
    content = pickle.dumps(POSE, 5)
    size = len(content)
    with mmap.mmap(-1, CAPACITY) as memory:
        memory[:size] = content
        yield repeated(lambda: pickle.loads(memory[:size]))  # noqa: S301  (our own)


# -- arrays -----------------------------------------------------------------------------------------------------


@contextmanager
def by_arrays(directory: str, processor: int) -> Iterator[Repeat]:
    """Put an array of 1 MiB, and get one in return."""

    def answer() -> None:
        there = NumpyShare("there", ARRAY_BYTES, "get", directory=directory)
        back = NumpyShare("back", ARRAY_BYTES, "put", directory=directory)
        for_ever(lambda: back.put(there.get()))

    with (
        beside(answer, processor),
        NumpyShare("there", ARRAY_BYTES, "put", directory=directory) as there,
        NumpyShare("back", ARRAY_BYTES, "get", directory=directory) as back,
    ):
        import numpy as np  # noqa: PLC0415  (where it is installed; behind the fork, for its threads)

        array = np.ones(ARRAY_BYTES // 4, np.float32)
        yield repeated(lambda: (there.put(array), back.get()))


def _write_all(end: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(end, left) :]


def _read_all(end: int, room: memoryview) -> None:
    while room:
        room = room[os.readv(end, [room]) :]


@contextmanager
def by_array_pipes(_directory: str, processor: int) -> Iterator[Repeat]:
    """Write 1 MiB, and read as much."""
    content, room = bytes(ARRAY_BYTES), memoryview(bytearray(ARRAY_BYTES))
    with pipe() as there, pipe() as back:

        def answer() -> None:
            while True:
                _read_all(there[0], room)
                _write_all(back[1], content)

        def step() -> None:
            _write_all(there[1], content)
            _read_all(back[0], room)

        with beside(answer, processor):
            yield repeated(step)

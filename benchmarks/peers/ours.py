"""memlane, by its public interface, with everything that keeps it safe."""

from __future__ import annotations

import ctypes
import operator
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import (
    FLOATS_PER_PAGE,
    NAMES,
    NUMBERS,
    POSE,
    Arrays,
    Calls,
    Loans,
    Messages,
    Value,
    Waits,
    stream,
    unused,
    wait_until_over,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPACITY = 65_536


class PoseObject(ctypes.Structure):
    """Five doubles."""

    _fields_ = [(name, ctypes.c_double) for name in NAMES]


class Here:
    """Of all of them: a namespace of its own."""

    def __init__(self, address: str, size: int = 0) -> None:
        self.address = address
        self.size = size

    def enter(self) -> None:
        """Use the namespace of this way."""
        os.environ["MEMLANE_DIR"] = self.address


class Channels(Here):
    """A channel each way."""

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Open one end of each."""
        from memlane import CHAN_R, CHAN_W, open_channel  # noqa: PLC0415  (in the process that uses it)

        self.enter()
        out, into = ("there", "back") if role == 0 else ("back", "there")
        with open_channel(out, CHAN_W, CAPACITY) as writer, open_channel(into, CHAN_R, CAPACITY) as reader:
            yield stream(writer.write, reader.read_bytes, reader.readinto)


class Shares(Here):
    """A share each way, copied."""

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays]:
        """Open one side of each."""
        with self.sides(role) as (giver, taker):
            yield Arrays(giver.put, taker.get)

    @contextmanager
    def sides(self, role: int) -> Iterator[tuple[Any, Any]]:
        """Open one side of each."""
        from memlane import NumpyShare  # noqa: PLC0415

        self.enter()
        out, into = ("there", "back") if role == 0 else ("back", "there")
        with NumpyShare(out, self.size, "put") as giver, NumpyShare(into, self.size, "get") as taker:
            yield giver, taker


class LoanedShares(Shares):
    """A share each way, in place."""

    @contextmanager
    def open(self, role: int) -> Iterator[Loans]:  # type: ignore[override]  # the same sides, another end
        """Loan what is given, view what is taken."""
        shape = self.size // 4
        with self.sides(role) as (giver, taker):

            def give(number: float) -> None:
                with giver.loan(shape, "f4") as array:
                    array[::FLOATS_PER_PAGE] = number

            def take() -> float:
                return float(taker.get(copy=False)[::FLOATS_PER_PAGE].sum())

            yield Loans(give, take)


class Dict(Here):
    """A variable with a dict of five floats."""

    value: Any = POSE
    data_format: Any = None

    def prepare(self) -> None:
        """Leave the format to the value."""

    @contextmanager
    def open(self, _role: int) -> Iterator[Value]:
        """Open it."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        self.prepare()
        value = self.value
        with HostVariable("pose", data_format=self.data_format) as variable:

            def put(times: int) -> None:
                for _ in range(times):
                    variable.data = value

            def get(times: int) -> object:
                for _ in range(times):
                    found = variable.data
                return found

            yield Value(put, get, value)


class Struct(Dict):
    """A variable with a ``msgspec.Struct`` of five doubles."""

    def prepare(self) -> None:
        """Declare the struct."""
        import msgspec  # noqa: PLC0415

        self.data_format = msgspec.defstruct("Pose", [(name, float) for name in NAMES])
        self.value = self.data_format(*NUMBERS)


class CtypesStruct(Dict):
    """The same by ctypes."""

    def prepare(self) -> None:
        """Declare the struct; what is read is compared as bytes."""
        self.data_format = PoseObject
        self.value = PoseObject(*NUMBERS)


class CopiedWithin(Here):
    """Both sides of a share, in one process."""

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays]:
        """Open them, where role 0 is."""
        from memlane import NumpyShare  # noqa: PLC0415

        self.enter()
        if role == 1:
            yield Arrays(unused, unused)
            return
        with NumpyShare("within", self.size, "put") as giver, NumpyShare("within", self.size, "get") as taker:
            yield Arrays(giver.put, taker.get)


class Waiting(Here):
    """An endpoint that waits, of a kind."""

    def __init__(self, address: str, what: str) -> None:
        super().__init__(address)
        self.what = what

    @contextmanager
    def open(self, role: int) -> Iterator[Waits]:
        """Open it, and what wakes it."""
        self.enter()
        opened = {"a value": self.variable, "an array": self.share, "a call": self.function}[self.what]
        with opened(role) as end:
            yield end

    @contextmanager
    def variable(self, _role: int) -> Iterator[Waits]:
        """Wait for its next value."""
        from memlane import HostVariable  # noqa: PLC0415

        with HostVariable("waiting") as variable:
            yield Waits(variable.wait, lambda: setattr(variable, "data", 1))

    @contextmanager
    def share(self, role: int) -> Iterator[Waits]:
        """Wait for its next value."""
        from memlane import SharedAssign  # noqa: PLC0415

        with SharedAssign("waiting", 64, "get" if role else "put") as share:
            yield Waits(share.get, lambda: share.put(1))

    @contextmanager
    def function(self, role: int) -> Iterator[Waits]:
        """Serve calls."""
        from memlane import HostFunctionCaller, HostFunctionDispatcher  # noqa: PLC0415

        called = threading.Event()
        if role == 0:
            with HostFunctionCaller("waiting") as caller:
                yield Waits(unused, caller.call)
            return
        with HostFunctionDispatcher() as dispatcher:
            dispatcher.add("waiting", called.set)
            dispatcher.start()

            def wait() -> None:
                called.wait()
                called.clear()

            yield Waits(wait, unused)


class Function(Here):
    """A function of a dispatcher."""

    @contextmanager
    def open(self, role: int) -> Iterator[Calls]:
        """Serve it, or call it."""
        from memlane import HostFunctionCaller, HostFunctionDispatcher  # noqa: PLC0415

        self.enter()
        if role == 0:
            with HostFunctionCaller("add") as caller:
                yield Calls(caller.call, wait_until_over)
            return
        dispatcher = HostFunctionDispatcher()
        dispatcher.add("add", operator.add)
        dispatcher.start()
        yield Calls(unused, wait_until_over)
        dispatcher.stop()

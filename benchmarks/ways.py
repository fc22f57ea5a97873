"""What an adapter of a peer gives to the scenarios: ways from one process to another, and their two ends.

A way is made in the process that measures nothing, with a directory of its own, and travels to two fresh processes.
Each opens the end of its role: 0 asks, writes and gives, 1 answers, reads and takes.
"""

from __future__ import annotations

import operator
import pickle
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from contextlib import AbstractContextManager

LENGTH = struct.Struct("<I")
FLOATS_PER_PAGE = 1024  # of four bytes
NAMES = ("x", "y", "z", "roll", "yaw")
NUMBERS = (1.5, -2.5, 3.5, 0.1, 0.2)
POSE = dict(zip(NAMES, NUMBERS, strict=True))

VALUES: dict[str, object] = {
    "a float": 1.5,
    "a dict of 5 floats": dict(zip("abcde", (1.5, -2.5, 3.5, 0.1, 0.2), strict=True)),
    "a list of 1,000 ints": list(range(1000)),
    "100 records": [{"id": number, "name": f"robot {number}", "pose": [1.5, 2.5]} for number in range(100)],
    "1 MiB of bytes": bytes(1 << 20),
}
"""What the codec is tried with."""


class Way(Protocol):
    """One way, for one scenario."""

    def open(self, role: int) -> AbstractContextManager[Any]:
        """Open the end of a role."""


Over = Any
"""``over(seconds)``: whether the round is over; waits so long for that, None for ever."""


class Messages(NamedTuple):
    """An end that sends to the other and receives from it."""

    send: Callable[[bytes], object]
    receive: Callable[[int], bytes]
    """Give the next message; of a stream, the next so many bytes."""
    pack: Callable[[list[bytes]], Any] | None = None
    """Make a batch ready, outside of what is timed; None: this peer has none."""
    send_batch: Callable[[Any], object] | None = None
    receive_batch: Callable[[int, int], object] | None = None
    """Receive a number of messages of a size."""
    fill: Callable[[memoryview], int] | None = None
    """Of a stream: read what is there into a buffer."""


def stream(
    send: Callable[[bytes], object], receive: Callable[[int], bytes], fill: Callable[[memoryview], int]
) -> Messages:
    """Make the end of a stream: a batch is one long write."""
    return Messages(send, receive, b"".join, send, lambda number, size: receive(number * size), fill)


class Arrays(NamedTuple):
    """An end that copies arrays in and out."""

    give: Callable[[Any], object]
    take: Callable[[], Any]


class Loans(NamedTuple):
    """An end that works in shared memory: one number of each page is written, and read."""

    give: Callable[[float], object]
    """Hand over an array whose pages hold a number."""
    take: Callable[[], float]
    """Take the next array, add up what its pages hold, and give it back."""


class Value(NamedTuple):
    """An end of the latest value; each repeats its work so many times."""

    set: Callable[[int], object]
    get: Callable[[int], object]
    """Returns the last one."""
    expected: object


class Calls(NamedTuple):
    """An end of a function ``f(a, b)``, which adds."""

    call: Callable[[int, int], int]
    serve: Callable[[int, Over], object]
    """Answer so many calls, or until the round is over."""


class Waits(NamedTuple):
    """An end that waits for the other, and wakes it."""

    wait: Callable[[], object]
    wake: Callable[[], object]


class Trips(NamedTuple):
    """An end of round trips from a task of asyncio to a process that blocks."""

    trip: Callable[[bytes], Awaitable[bytes]]
    """Of role 0."""
    serve: Callable[[int, Over], object]
    """Of role 1: answer so many, or until the round is over."""
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    """Of role 0: run something in the loop."""


class Recovery(NamedTuple):
    """A lock whose holders die."""

    acquire: Callable[[], object]
    release: Callable[[], object]


Actions = dict[str, "Callable[[int], object]"]
"""What a process does by itself, by name; each repeats its work so many times."""


def unused(*_arguments: object) -> Any:
    """Stand for what only the other role does."""
    raise NotImplementedError("the other role does this")


def wait_until_over(_count: int, over: Over) -> None:
    """Leave serving to what was started when the end was opened."""
    over(None)


def repeated(work: Callable[[], object]) -> Callable[[int], object]:
    """Make a loop of a call."""

    def repeat(times: int) -> object:
        result = None
        for _ in range(times):
            result = work()
        return result

    return repeat


def value_in(shared: Any) -> Value:
    """Return an end of what looks like a dict that all have."""
    return Value(repeated(lambda: shared.__setitem__("pose", POSE)), repeated(lambda: shared["pose"]), POSE)


class PickledCalls:
    """Calls over messages, by hand: the least that a program can do by itself."""

    def __init__(self, address: str, messages: Callable[[str], Way], *, framed: bool = False) -> None:
        self._messages = messages(address)
        self._framed = framed

    @contextmanager
    def open(self, role: int) -> Iterator[Calls]:
        """Pickle what goes, with its length in front where the other end sees a stream."""
        with self._messages.open(role) as end:
            send_bytes, receive_bytes = end.send, end.receive

            def send(value: object) -> None:
                content = pickle.dumps(value, 5)
                send_bytes(LENGTH.pack(len(content)) + content if self._framed else content)

            def receive() -> Any:
                size = LENGTH.unpack(receive_bytes(LENGTH.size))[0] if self._framed else 0
                return pickle.loads(receive_bytes(size))  # noqa: S301  (our own)

            def call(a: int, b: int) -> int:
                send((a, b))
                result: int = receive()
                return result

            def serve(count: int, _over: Over) -> None:
                for _ in range(count):
                    send(operator.add(*receive()))

            yield Calls(call, serve)

"""memlane within one process: devices, locks, opening, the codec, and what grows with what."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.peers.ours import Here
from benchmarks.ways import VALUES, Actions, Calls, Recovery, Value, repeated, unused, wait_until_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SETS = 8
CATALOG = {
    "eyes": {
        "device_id": 99,
        "params": [
            *({"name": name, "type": "float"} for name in ("left", "center", "right")),
            {"name": "target", "type": "float", "lower": -1, "upper": 1, "writeable": True},
        ],
    }
}


class Devices(Here):
    """A device buffer of four floats."""

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Open it."""
        from memlane.buffer import BufferStore, DeviceUID  # noqa: PLC0415
        from memlane.messaging import Message  # noqa: PLC0415

        self.enter()
        frame = Message.make_dev_data(7, {0: b"\0\0\0?", 1: b"\0\0\0?", 2: b"\0\0\0?"}).encode()
        with BufferStore(BufferStore.make_catalog(CATALOG)) as store:
            buffer = store.get_or_open(int(DeviceUID(99, 0, 1)))

            def transaction() -> None:
                with buffer.transaction():
                    for _ in range(SETS):
                        buffer.set("left", 0.5)

            def lock() -> None:
                with buffer.transaction():
                    pass

            yield {
                "get of a float": repeated(lambda: buffer.get("left")),
                "set of a float": repeated(lambda: buffer.set("left", 0.5)),
                "transaction of 8 sets": repeated(transaction),
                "a lock and its unlock": repeated(lock),
                "decode and update": repeated(lambda: buffer.update(Message.decode(frame))),
            }


class Locks(Here):
    """A lock for readers and writers."""

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Take each kind."""
        from memlane import RWSharedMMap  # noqa: PLC0415

        self.enter()
        with RWSharedMMap("locks", 64) as shared:
            yield {
                "read lock and unlock": repeated(lambda: enter_and_leave(shared.lock_read())),
                "write lock and unlock": repeated(lambda: enter_and_leave(shared.lock_write())),
            }


def enter_and_leave(lock: Any) -> None:
    """Take a lock and give it back."""
    with lock:
        pass


class DyingHolders(Here):
    """A mutex in shared memory."""

    @contextmanager
    def open(self, _role: int) -> Iterator[Recovery]:
        """Make it, in memory that forked children share."""
        from memlane.sync import Mutex  # noqa: PLC0415

        self.enter()
        mutex = Mutex()
        mutex.initialize()
        yield Recovery(lambda: mutex.acquire(timeout=None), mutex.release)


class Opening(Here):
    """A variable that is there already."""

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Open it, and close it."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        with HostVariable("pose"):
            yield {"opening": repeated(lambda: HostVariable("pose").close())}


class Among(Here):
    """The same among other objects of the namespace."""

    def __init__(self, address: str, objects: int) -> None:
        super().__init__(address)
        self.objects = objects

    @contextmanager
    def open(self, role: int) -> Iterator[Actions]:
        """Make the others; none stays open."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        for number in range(self.objects if role == 0 else 0):
            HostVariable(f"object-{number}").close()
        yield {"opening and closing": repeated(lambda: HostVariable("object-0").close())}


class Sizes(Here):
    """A variable with bytes of a size."""

    @contextmanager
    def open(self, role: int) -> Iterator[Actions]:
        """Set and get them, where role 0 is."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        if role == 1:
            yield {}
            return
        value = os.urandom(self.size)
        with HostVariable("bytes", self.size + 64, slots=3) as variable:

            def put() -> None:
                variable.data = value

            def get() -> None:
                if len(variable.data) != len(value):
                    raise AssertionError("another value came")

            put()
            if variable.data != value:
                raise AssertionError("another value came")
            yield {"set": repeated(put), "get": repeated(get)}


class Crowd(Here):
    """A variable with a number of readers, all but one of them busy on the other processor."""

    def __init__(self, address: str, readers: int) -> None:
        super().__init__(address)
        self.readers = readers

    @contextmanager
    def open(self, role: int) -> Iterator[Value]:
        """Start the others beside role 1."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        with HostVariable("crowd") as variable, ExitStack() as stack:
            if role == 0:
                variable.data = 1.5
            for _ in range(self.readers - 1 if role == 1 else 0):
                stack.enter_context(in_a_child(lambda: variable.data))
            yield Value(repeated(lambda: None), repeated(lambda: variable.data), 1.5)


@contextmanager
def in_a_child(work: Callable[[], object]) -> Iterator[None]:
    """Repeat something in a forked child."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            while os.getppid() == parent:
                for _ in range(10_000):
                    work()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Callers(Here):
    """A function with a number of callers, each of which has a call outstanding at a time."""

    def __init__(self, address: str, callers: int) -> None:
        super().__init__(address)
        self.callers = callers

    @contextmanager
    def open(self, role: int) -> Iterator[Calls | Actions]:
        """Serve it, or call it."""
        from memlane import HostFunctionCaller, HostFunctionDispatcher  # noqa: PLC0415

        self.enter()
        if role == 1:
            with HostFunctionDispatcher() as dispatcher:
                dispatcher.add("double", lambda a: 2 * a)
                dispatcher.start()
                yield Calls(unused, wait_until_over)
            return
        with ExitStack() as stack:
            callers = [stack.enter_context(HostFunctionCaller("double")) for _ in range(self.callers)]

            def call_all(times: int) -> None:
                for start in range(0, times, len(callers)):
                    pending = [caller(start) for caller in callers]
                    if any(call.result() != 2 * start for call in pending):
                        raise AssertionError("another call's result")

            yield {"call": call_all}


class Codec:
    """The plain codec, as the binding calls it: its loop is in C."""

    def __init__(self, _address: str) -> None:
        pass

    @contextmanager
    def open(self, _role: int) -> Iterator[Actions]:
        """Encode and decode each value."""
        from memlane.codec import plain  # noqa: PLC0415

        actions: Actions = {}
        for name, value in VALUES.items():
            encoded = plain.dumps(value)
            if encoded is None:
                raise AssertionError(f"{name} is not plain: it would be pickled")
            actions |= coding(plain, name, value, *encoded)
        yield actions


def coding(plain: Any, name: str, value: object, content_type: int, payload: bytes) -> Actions:
    """Return both directions of one value."""
    return {
        f"encode {name}": lambda times: plain.repeat_encode(value, len(payload), times),
        f"decode {name}": lambda times: plain.repeat_decode(content_type, payload, times),
    }


class Watched(Here):
    """A thousand variables whose descriptors are open."""

    @contextmanager
    def open(self, role: int) -> Iterator[None]:
        """Watch them, where role 1 is."""
        from memlane import HostVariable  # noqa: PLC0415

        self.enter()
        with ExitStack() as stack:
            for number in range(1000 if role == 1 else 0):
                variable = HostVariable(f"idle-{number}", 64, slots=2, max_participants=4)
                stack.enter_context(variable).fileno()
            yield None

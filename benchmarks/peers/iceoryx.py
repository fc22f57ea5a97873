"""iceoryx2: publish and subscribe; an event wakes the other end, or it polls."""

from __future__ import annotations

import ctypes
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import FLOATS_PER_PAGE, NAMES, NUMBERS, Arrays, Loans, Messages, Value, repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUFFERED = 64
DELIVERS_ALL = True


class PoseObject(ctypes.Structure):
    """Five doubles."""

    _fields_ = [(name, ctypes.c_double) for name in NAMES]


class _Services:
    """A service each way, with room for messages of a size."""

    polls = False

    def __init__(self, address: str, size: int = 1024) -> None:
        self.name = address.rpartition("/")[2]
        self.size = size

    def ports(self, role: int) -> tuple[Any, Any, Callable[[], object], Callable[[], object]]:
        """Return the publisher, the subscriber, what wakes the other end, and what sleeps until it does."""
        import iceoryx2  # noqa: PLC0415

        iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
        node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        names = [iceoryx2.ServiceName.new(f"{self.name}/{way}") for way in ("there", "back")]
        out, into = (self.service(node, iceoryx2, names[way]) for way in (role, 1 - role))
        retry = iceoryx2.BackpressureStrategy.RetryUntilDelivered
        publisher = out.publisher_builder().initial_max_slice_len(self.size).backpressure_strategy(retry).create()
        subscriber = into.subscriber_builder().create()
        notifier, listener = (node.service_builder(names[way]).event().open_or_create() for way in (role, 1 - role))
        return (
            publisher,
            subscriber,
            notifier.notifier_builder().create().notify,
            listener.listener_builder().create().blocking_wait,
        )

    @staticmethod
    def service(node: Any, iceoryx2: Any, name: Any) -> Any:
        """Open what delivers everything."""
        builder = node.service_builder(name).publish_subscribe(iceoryx2.Slice[ctypes.c_uint8])
        builder = builder.enable_safe_overflow(not DELIVERS_ALL).subscriber_max_buffer_size(BUFFERED)
        return builder.max_publishers(1).max_subscribers(1).open_or_create()

    def giver(self, publisher: Any, wake: Callable[[], object], fill: Callable[[int, Any], object]) -> Any:
        """Return what loans a sample, lets it be filled at its address, and sends it."""
        loan, size, polls = publisher.loan_slice_uninit, self.size, self.polls

        def give(what: Any) -> None:
            sample = loan(len(what) if isinstance(what, bytes) else size)
            fill(sample.payload_ptr, what)
            sample.assume_init().send()
            if not polls:
                wake()

        return give

    def taker(self, subscriber: Any, sleep: Callable[[], object], read: Callable[[int, int], Any]) -> Any:
        """Return what waits for a sample, reads it at its address, and gives it back."""
        receive, polls = subscriber.receive, self.polls

        def take(_size: int = 0) -> Any:
            sample = receive()
            while sample is None:
                if not polls:
                    sleep()
                sample = receive()
            found = read(sample.payload_ptr, sample.header.number_of_elements)
            sample.delete()
            return found

        return take


class Bytes(_Services):
    """Messages."""

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Copy in and out."""
        publisher, subscriber, wake, sleep = self.ports(role)
        send = self.giver(publisher, wake, lambda address, data: ctypes.memmove(address, data, len(data)))
        yield Messages(send, self.taker(subscriber, sleep, ctypes.string_at))


class PollingBytes(Bytes):
    """The same, never asleep."""

    polls = True


def floats(address: int, size: int) -> Any:
    """Return the array that lies at an address."""
    import numpy as np  # noqa: PLC0415

    return np.ctypeslib.as_array((ctypes.c_float * (size // 4)).from_address(address))


class CopiedArrays(_Services):
    """Arrays, copied."""

    @contextmanager
    def open(self, role: int) -> Iterator[Arrays]:
        """Copy in and out."""
        publisher, subscriber, wake, sleep = self.ports(role)
        size = self.size

        def read(address: int, number: int) -> Any:
            return floats(address, number).copy()

        give = self.giver(publisher, wake, lambda address, array: ctypes.memmove(address, array.ctypes.data, size))
        yield Arrays(give, self.taker(subscriber, sleep, read))


class LoanedArrays(_Services):
    """Arrays in place."""

    @contextmanager
    def open(self, role: int) -> Iterator[Loans]:
        """Write and read where they lie."""
        publisher, subscriber, wake, sleep = self.ports(role)

        def pages(address: int, number: int) -> Any:
            return floats(address, number)[::FLOATS_PER_PAGE]

        give = self.giver(publisher, wake, lambda address, number: pages(address, self.size).fill(number))
        yield Loans(give, self.taker(subscriber, sleep, lambda address, number: float(pages(address, number).sum())))


class Blackboard:
    """The latest value of a struct of five doubles: it copies the struct in and out."""

    def __init__(self, address: str) -> None:
        self.name = address.rpartition("/")[2]

    @contextmanager
    def open(self, role: int) -> Iterator[Value]:
        """Role 0 makes it; each role writes or reads, only one may write."""
        import iceoryx2  # noqa: PLC0415

        iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
        node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        builder = node.service_builder(iceoryx2.ServiceName.new(self.name))
        key, value = ctypes.c_uint64(0), PoseObject(*NUMBERS)
        if role == 0:
            service = builder.blackboard_creator(ctypes.c_uint64).add(key, value).create()
        else:
            service = builder.blackboard_opener(ctypes.c_uint64).open()
        reading = service.reader_builder().create().entry(key, PoseObject)
        with ExitStack() as stack:
            writing: list[Any] = []

            def put(times: int) -> None:
                if not writing:
                    port = service.writer_builder().create()
                    writing.extend((port.entry(key, PoseObject), port))
                    stack.callback(writing.clear)
                for _ in range(times):
                    writing[0].update_with_copy(value)

            def get() -> Any:
                return reading.get().decode_as(PoseObject)

            yield Value(put, repeated(get), value)

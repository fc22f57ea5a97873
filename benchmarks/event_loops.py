"""What a round trip between a task of asyncio and a blocking process costs, beside a raw pipe and pyzmq.asyncio.

    python benchmarks/event_loops.py [seconds for each [apart | together]]

Apart: each side on a processor of its own; together: both on one; else where the kernel puts them.

The same eight bytes there and back. Prints the median of each in microseconds and its ratio to the raw pipe under
``loop.add_reader``, which is measured in turn with the others: first one trip after the other, then with a pause before
each, in which both sides fall asleep, so that each answer comes through the loop. The last line: what a thousand
endpoints that are watched cost while nothing happens.
"""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import memlane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    RoundTrip = Callable[[bytes], Awaitable[bytes]]

SIZE = 8
TURNS = 10
PAUSE_SECONDS = 0.002
WATCHED = 1000
CONTEXT = multiprocessing.get_context("fork")
PROCESSORS = sorted(os.sched_getaffinity(0))
PLACES = {
    "free": (PROCESSORS, PROCESSORS),
    "apart": ([PROCESSORS[0]], [PROCESSORS[-1]]),
    "together": ([PROCESSORS[0]],) * 2,
}


def place_given() -> str:
    """Return where the sides are to run."""
    return sys.argv[2] if len(sys.argv) > 2 else "free"  # noqa: PLR2004  (the second argument)


def run_there(place: str, target: Callable[..., None], *arguments: object) -> None:
    """Be the blocking side."""
    os.sched_setaffinity(0, PLACES[place][1])
    target(*arguments)


@contextmanager
def peer(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Run the blocking side, and kill it in the end."""
    process = CONTEXT.Process(target=run_there, args=(place_given(), target, *arguments), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def echo_channel() -> None:
    """Send back what comes."""
    reader, writer = memlane.open_channel("there", memlane.CHAN_R), memlane.open_channel("back", memlane.CHAN_W)
    while True:
        writer.write(reader.read_bytes(SIZE))


@contextmanager
def channel() -> Iterator[RoundTrip]:
    """Two channels of memlane."""
    with (
        memlane.open_channel("there", memlane.CHAN_W) as writer,
        memlane.open_channel("back", memlane.CHAN_R) as reader,
        peer(echo_channel),  # ended first: it would complain of the ends that close
    ):

        async def there_and_back(message: bytes) -> bytes:
            await writer.write_async(message)
            return await reader.read_bytes_async(len(message))

        yield there_and_back


def echo_variable() -> None:
    """Send back what comes."""
    with memlane.HostVariable("question") as question, memlane.HostVariable("answer") as answer:
        while True:
            answer.data = question.wait()


@contextmanager
def variable() -> Iterator[RoundTrip]:
    """Two variables of memlane."""
    with (
        memlane.HostVariable("question") as question,
        memlane.HostVariable("answer") as answer,
        peer(echo_variable),
    ):

        async def there_and_back(message: bytes) -> bytes:
            question.data = message
            value: bytes = await answer.wait_async()
            return value

        yield there_and_back


def serve() -> None:
    """Give back what comes."""
    dispatcher = memlane.HostFunctionDispatcher()
    dispatcher.add("echo", lambda message: message)
    dispatcher.serve_forever()


@contextmanager
def call() -> Iterator[RoundTrip]:
    """A call of memlane."""
    with peer(serve), memlane.HostFunctionCaller("echo") as caller:
        yield caller.call_async


def echo_pipe(source: int, target: int) -> None:
    """Send back what comes."""
    while True:
        os.write(target, os.read(source, SIZE))


@contextmanager
def pipe() -> Iterator[RoundTrip]:
    """Two pipes under `loop.add_reader`: the least that a loop can do."""
    there, back = os.pipe(), os.pipe()
    with peer(echo_pipe, there[0], back[1]):

        async def there_and_back(message: bytes) -> bytes:
            loop = asyncio.get_running_loop()
            readable = loop.create_future()
            loop.add_reader(back[0], readable.set_result, None)
            os.write(there[1], message)
            await readable
            loop.remove_reader(back[0])
            return os.read(back[0], len(message))

        yield there_and_back
    for descriptor in (*there, *back):
        os.close(descriptor)


def echo_zmq(address: str) -> None:
    """Send back what comes."""
    import zmq  # noqa: PLC0415

    socket = zmq.Context().socket(zmq.PAIR)
    socket.bind(address)
    while True:
        socket.send(socket.recv())


@contextmanager
def pyzmq() -> Iterator[RoundTrip]:
    """A pair of pyzmq's sockets."""
    import zmq.asyncio  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, peer(echo_zmq, f"ipc://{folder}/socket"):
        context = zmq.asyncio.Context()
        socket = context.socket(zmq.PAIR)
        socket.connect(f"ipc://{folder}/socket")

        async def there_and_back(message: bytes) -> bytes:
            await socket.send(message)
            received: bytes = await socket.recv()
            return received

        yield there_and_back
        socket.close(0)
        context.term()


WAYS: dict[str, Any] = {
    "raw pipe": pipe,
    "channel": channel,
    "variable": variable,
    "call": call,
    "pyzmq.asyncio": pyzmq,
}


async def measure(there_and_back: RoundTrip, seconds: float, pause: float) -> list[float]:
    """Return round trips in microseconds."""
    found, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        if pause > 0:
            await asyncio.sleep(pause)
        message = time.perf_counter_ns().to_bytes(SIZE, "little")  # an answer to another trip would show
        begin = time.perf_counter()
        if await there_and_back(message) != message:
            raise AssertionError("another message came back")
        found.append((time.perf_counter() - begin) * 1e6)
    return found


async def compare(seconds: float, pause: float) -> None:
    """Measure all ways in turn, and print the medians."""
    ways = {name: way for name, way in WAYS.items() if name != "pyzmq.asyncio" or importlib.util.find_spec("zmq")}
    found: dict[str, list[float]] = {name: [] for name in ways}
    with ExitStack() as stack:
        trips = {name: stack.enter_context(way()) for name, way in ways.items()}
        for trip in trips.values():
            await measure(trip, 0.2, pause)
        for _ in range(TURNS):
            for name, trip in trips.items():
                found[name] += await measure(trip, seconds / TURNS, pause)
    base = statistics.median(found["raw pipe"])
    print(f"  {'after a pause' if pause else 'one after the other'}:")
    for name, times in found.items():
        median = statistics.median(times)
        print(f"  {name:14} median {median:8.2f} us  {median / base:5.2f} x raw pipe")
    if "pyzmq.asyncio" not in found:
        print("  pyzmq.asyncio  not installed")


def idle_share(seconds: float) -> float:
    """Return the part of a core that a thousand endpoints cost which are watched while nothing happens."""
    with ExitStack() as stack:
        for number in range(WATCHED):
            watched = stack.enter_context(memlane.HostVariable(f"idle-{number}", 64, slots=2, max_participants=4))
            watched.fileno()
        time.sleep(1)
        before = time.process_time()
        time.sleep(seconds)
        return (time.process_time() - before) / seconds


def main(seconds: float) -> None:
    """Print all figures."""
    os.sched_setaffinity(0, PLACES[place_given()][0])
    print(f"{place_given()}, Python {sys.version.split()[0]}:")
    for pause in (0, PAUSE_SECONDS):
        with namespace():  # a new endpoint would find the latest answer of the turn before
            asyncio.run(compare(seconds, pause))
    with namespace():
        print(f"  {WATCHED} watched endpoints, idle: {100 * idle_share(5):.2f} % of a core")


@contextmanager
def namespace() -> Iterator[None]:
    """Give objects a directory of their own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        os.environ["MEMLANE_DIR"] = directory
        yield


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)

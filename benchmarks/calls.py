"""S5 and S5b: what a call of ``f(a, b) -> a + b`` in another process costs, beside what else there is.

    python benchmarks/calls.py [seconds for each]

Prints the median and the 99th percentile of the round trip in microseconds, and the ratio to memlane. Both ends may run
on any of the processors that the process may use; *asleep* waits 1 ms between calls, so that both ends sleep in the
kernel.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import operator
import os
import pickle
import statistics
import struct
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[int, int], int]

LENGTH = struct.Struct("<I")
SLEEP_SECONDS = 0.001
WARM_UP = 200
CONTEXT = multiprocessing.get_context("spawn")


# -- peers: each gives a call ---------------------------------------------------------------------------------


def serve_memlane(ready: Any) -> None:
    """Serve until killed."""
    import memlane  # noqa: PLC0415  (only this peer needs it)

    dispatcher = memlane.HostFunctionDispatcher()
    dispatcher.add("add", operator.add)
    ready.set()
    dispatcher.serve_forever()


@contextmanager
def memlane_call() -> Iterator[Call]:
    """Call through memlane."""
    import memlane  # noqa: PLC0415

    with process(serve_memlane), memlane.HostFunctionCaller("add") as add:
        yield add.call


def send(descriptor: int, value: object) -> None:
    """Write a pickle and its length."""
    content = pickle.dumps(value, 5)
    os.write(descriptor, LENGTH.pack(len(content)) + content)


def receive(descriptor: int) -> Any:
    """Read one."""
    return pickle.loads(os.read(descriptor, LENGTH.unpack(os.read(descriptor, LENGTH.size))[0]))  # noqa: S301


@contextmanager
def pipe_by_hand() -> Iterator[Call]:
    """Call through two pipes, with pickle: the least that a program can do by itself."""
    there, back = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        while True:
            send(back[1], operator.add(*receive(there[0])))

    def call(a: int, b: int) -> int:
        send(there[1], (a, b))
        result: int = receive(back[0])
        return result

    yield call
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    for descriptor in (*there, *back):
        os.close(descriptor)


def serve_connection(ready: Any, connection: Any) -> None:
    """Serve a connection of multiprocessing."""
    ready.set()
    while True:
        connection.send(operator.add(*connection.recv()))


@contextmanager
def multiprocessing_pipe() -> Iterator[Call]:
    """Call through a Pipe of multiprocessing."""
    mine, theirs = CONTEXT.Pipe()

    def call(a: int, b: int) -> int:
        mine.send((a, b))
        result: int = mine.recv()
        return result

    with process(serve_connection, theirs):
        yield call


@contextmanager
def process_pool() -> Iterator[Call]:
    """Call through a ProcessPoolExecutor of one process."""
    with ProcessPoolExecutor(1, CONTEXT) as pool:
        yield lambda a, b: pool.submit(operator.add, a, b).result()


def serve_zmq(ready: Any, address: str) -> None:
    """Serve a socket of pyzmq."""
    import zmq  # noqa: PLC0415

    socket = zmq.Context().socket(zmq.REP)
    socket.bind(address)
    ready.set()
    while True:
        socket.send_pyobj(operator.add(*socket.recv_pyobj()))


@contextmanager
def pyzmq() -> Iterator[Call]:
    """Call through REQ and REP of pyzmq."""
    import zmq  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, process(serve_zmq, f"ipc://{folder}/socket"):
        socket = zmq.Context().socket(zmq.REQ)
        socket.connect(f"ipc://{folder}/socket")

        def call(a: int, b: int) -> int:
            socket.send_pyobj((a, b))
            result: int = socket.recv_pyobj()
            return result

        yield call
        socket.close(0)


PEERS: dict[str, Any] = {
    "memlane": memlane_call,
    "os.pipe + pickle": pipe_by_hand,
    "multiprocessing.Pipe": multiprocessing_pipe,
    "ProcessPoolExecutor": process_pool,
    "pyzmq": pyzmq,
}


@contextmanager
def process(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Run a server, and kill it in the end."""
    ready = CONTEXT.Event()
    server = CONTEXT.Process(target=target, args=(ready, *arguments), daemon=True)
    server.start()
    ready.wait()
    yield
    server.kill()
    server.join()


# -- measuring ------------------------------------------------------------------------------------------------


def measure(call: Call, seconds: float, pause: float) -> list[float]:
    """Return round trips in microseconds."""
    for number in range(WARM_UP):
        if call(number, 1) != number + 1:
            raise AssertionError("another call's result")
    found, end = [], time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        call(1, 2)
        found.append((time.perf_counter() - begin) * 1e6)
        if pause:
            time.sleep(pause)
    return found


def main(seconds: float) -> None:
    """Measure every peer that is installed, in both ways."""
    for title, pause in (("S5, adaptive", 0.0), ("S5b, asleep", SLEEP_SECONDS)):
        medians: dict[str, float] = {}
        print(f"{title}: round trip of f(a, b) -> a + b, us")
        for name, peer in PEERS.items():
            if name == "pyzmq" and importlib.util.find_spec("zmq") is None:
                print(f"  {name:22} not installed")
                continue
            with ExitStack() as stack:
                found = sorted(measure(stack.enter_context(peer()), seconds, pause))
            medians[name] = statistics.median(found)
            late = found[int(len(found) * 0.99)]
            ratio = medians[name] / medians["memlane"]
            print(f"  {name:22} median {medians[name]:8.2f}  p99 {late:8.2f}  {ratio:6.1f} x memlane")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)

"""S5 and S5b: what a call of ``f(a, b) -> a + b`` in another process costs, beside what else there is.

    python benchmarks/calls.py [--seconds 0.5] [--rounds 5] [--placement apart|together]

Prints the median and the 99th percentile of the round trip in microseconds, and the ratio to memlane. Contenders take
turns within each round, and the median round counts. *Apart*, caller and server are pinned to two processors;
*together*, to one: there nobody can run beside anybody, and a wake-up costs a third. *Asleep* waits 1 ms between calls,
so that both ends sleep in the kernel.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import operator
import os
import pickle
import statistics
import struct
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


def processors(placement: str) -> tuple[set[int], set[int]]:
    """Return where callers, and where servers run."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[0]}, {allowed[-1] if placement == "apart" else allowed[0]}


def start(stack: ExitStack, placement: str) -> dict[str, Call]:
    """Start every peer that is installed: servers inherit the affinity that this process has meanwhile."""
    ours, theirs = processors(placement)
    calls: dict[str, Call] = {}
    os.sched_setaffinity(0, theirs)
    for name, peer in PEERS.items():
        if name == "pyzmq" and importlib.util.find_spec("zmq") is None:
            print(f"{name} is not installed")
            continue
        calls[name] = stack.enter_context(peer())
        calls[name](1, 2)  # a pool starts its process with the first call
    os.sched_setaffinity(0, ours)
    return calls


def percentile(found: list[float], share: float) -> float:
    """Return the round trip that so many are shorter than."""
    return sorted(found)[int(len(found) * share)]


def compare(title: str, calls: dict[str, Call], seconds: float, rounds: int, pause: float) -> None:
    """Measure each, in turns, and print."""
    rows: dict[str, list[list[float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            rows[name].append(measure(call, seconds, pause))
    medians = {name: statistics.median(statistics.median(row) for row in found) for name, found in rows.items()}
    print(f"{title}: round trip of f(a, b) -> a + b, us")
    for name, found in rows.items():
        late = statistics.median(percentile(row, 0.99) for row in found)
        spread = " ".join(f"{statistics.median(row):.2f}" for row in sorted(found, key=statistics.median))
        ratio = medians[name] / medians["memlane"]
        print(f"  {name:22} median {medians[name]:8.2f}  p99 {late:8.2f}  {ratio:6.1f} x memlane   ({spread})")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="for each round of each contender")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--placement", choices=("apart", "together"), default="apart")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, ExitStack() as stack:
        os.environ["MEMLANE_DIR"] = directory
        calls = start(stack, arguments.placement)
        for title, pause in (("S5, adaptive", 0.0), ("S5b, asleep", SLEEP_SECONDS)):
            compare(f"{title}, {arguments.placement}", calls, arguments.seconds, arguments.rounds, pause)


if __name__ == "__main__":
    main()

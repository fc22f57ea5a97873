"""Measure what the first version promises of a variable, and print it beside other ways to do the same.

    python benchmarks/first.py [--rounds 15] [--wait-seconds 10]

- the latest value, a dict of 5 floats: nanoseconds for one set and one get, alone and while another process does the
  opposite all the time (contended); ratios to memlane
- processor time of an endpoint that waits; time to import memlane; time to open and to create a variable

Contenders take turns within each round, and the median round counts. Absolute times belong to this machine and this
hour: the ratios are what can be compared. Peers that are not installed are named as such.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import mmap
import multiprocessing
import os
import pickle
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

from memlane import HostVariable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Event, Lock

POSE = {"x": 1.5, "y": -2.5, "z": 3.5, "roll": 0.1, "yaw": 0.2}
ROUND_SECONDS = 0.02
IMPORTS = 21
CONTEXT = multiprocessing.get_context("fork")


class Contender(NamedTuple):
    """A way to share the latest value between processes; each function repeats its work so many times."""

    name: str
    set: Callable[[int], object]
    get: Callable[[int], object]
    survives_fork: bool = True
    """Whether a child may use what it inherited. Where not, nothing is measured with contention."""


class PickleInMap:
    """What people write themselves: a pickle in shared memory, behind a semaphore. It survives no death."""

    SIZE = 4096
    HEADER = 8

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, self.SIZE)
        self._lock: Lock = CONTEXT.Lock()
        self.set(None)

    def set(self, value: object) -> None:
        """Write a value."""
        content = pickle.dumps(value, 5)
        with self._lock:
            self._map[: self.HEADER] = len(content).to_bytes(self.HEADER, "little")
            self._map[self.HEADER : self.HEADER + len(content)] = content

    def get(self) -> Any:
        """Read the value."""
        with self._lock:
            size = int.from_bytes(self._map[: self.HEADER], "little")
            content = self._map[self.HEADER : self.HEADER + size]
        return pickle.loads(content)  # noqa: S301


def repeated(work: Callable[[], object]) -> Callable[[int], object]:
    """Make a loop of a call."""

    def repeat(times: int) -> None:
        for _ in range(times):
            work()

    return repeat


@contextlib.contextmanager
def memlane_variable(directory: str) -> Iterator[Contender]:
    """Share by memlane."""
    with HostVariable("pose", directory=directory) as variable:

        def put(times: int) -> None:
            for _ in range(times):
                variable.data = POSE

        def get(times: int) -> None:
            for _ in range(times):
                _value = variable.data

        yield Contender("memlane", put, get)


@contextlib.contextmanager
def pickle_in_map(_directory: str) -> Iterator[Contender]:
    """Share by a pickle in a map."""
    shared = PickleInMap()
    yield Contender("pickle in a map, semaphore", repeated(lambda: shared.set(POSE)), repeated(shared.get))


@contextlib.contextmanager
def manager(_directory: str) -> Iterator[Contender]:
    """Share by the standard library's server process."""
    with CONTEXT.Manager() as server:
        value = server.dict()
        yield Contender(
            "multiprocessing.Manager",
            repeated(lambda: value.__setitem__("pose", POSE)),
            repeated(lambda: value["pose"]),
        )


@contextlib.contextmanager
def lmdb_database(directory: str) -> Iterator[Contender]:
    """Share by a memory-mapped database, without waiting for a disk."""
    import lmdb  # noqa: PLC0415  (a peer, which may be absent)

    with lmdb.open(f"{directory}/lmdb", sync=False, metasync=False) as database:

        def put() -> None:
            with database.begin(write=True) as transaction:
                transaction.put(b"pose", pickle.dumps(POSE, 5))

        def get() -> Any:
            with database.begin() as transaction:
                return pickle.loads(transaction.get(b"pose") or b"")  # noqa: S301  (written above)

        yield Contender("lmdb", repeated(put), repeated(get), survives_fork=False)


@contextlib.contextmanager
def ultra_dict(_directory: str) -> Iterator[Contender]:
    """Share by a dict that streams its changes through shared memory, here without a lock; get takes a copy."""
    shared = importlib.import_module("UltraDict").UltraDict(name=f"pose-{os.getpid()}")
    yield Contender(
        "UltraDict",
        repeated(lambda: shared.__setitem__("pose", POSE)),
        repeated(lambda: shared["pose"]),
        survives_fork=False,
    )
    shared.unlink()


@contextlib.contextmanager
def shared_memory_dict(_directory: str) -> Iterator[Contender]:
    """Share by a pickled dict in shared memory, without a lock between processes."""
    shared = importlib.import_module("shared_memory_dict").SharedMemoryDict(name=f"pose-{os.getpid()}", size=4096)
    yield Contender(
        "shared-memory-dict",
        repeated(lambda: shared.__setitem__("pose", POSE)),
        repeated(lambda: shared["pose"]),
        survives_fork=False,
    )
    shared.cleanup()


PEERS = {
    "memlane": memlane_variable,
    "pickle": pickle_in_map,
    "multiprocessing": manager,
    "lmdb": lmdb_database,
    "UltraDict": ultra_dict,
    "shared-memory-dict": shared_memory_dict,
}
SHIPPED = {"memlane", "pickle", "multiprocessing"}


def is_installed(peer: str) -> bool:
    """Tell whether a peer can be measured."""
    if peer in SHIPPED:
        return True
    with contextlib.suppress(metadata.PackageNotFoundError):
        return bool(metadata.version(peer))
    return False


def nanoseconds(repeat: Callable[[int], object], times: int) -> float:
    """Time one of so many repetitions; by the wall clock, since others may do a part of the work."""
    begin = time.perf_counter_ns()
    repeat(times)
    return (time.perf_counter_ns() - begin) / times


def fitting_times(repeat: Callable[[int], object]) -> int:
    """Find how many repetitions fill a round."""
    return max(1, int(ROUND_SECONDS * 1e9 / nanoseconds(repeat, 50)))


def repeat_for_ever(contender: Contender, action: str, ready: Event) -> None:
    """Set or get until told to stop: not killed, since most would hold their lock for ever then."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    repeat = contender.set if action == "set" else contender.get
    repeat(1)
    ready.set()
    while not stopped:
        repeat(10)


@contextlib.contextmanager
def repeated_elsewhere(contender: Contender, action: str) -> Iterator[None]:
    """Let another process do something all the time."""
    ready = CONTEXT.Event()
    process = CONTEXT.Process(target=repeat_for_ever, args=(contender, action, ready), daemon=True)
    process.start()
    if not ready.wait(30):
        raise RuntimeError(f"{contender.name}: the other process did not begin within 30 s")
    yield
    process.terminate()
    process.join()


def measure_once(contender: Contender) -> Iterator[tuple[str, float]]:
    """Give the figures of one round, by scenario."""
    contender.set(1)
    actions = {"set": contender.set, "get": contender.get}
    for action, repeat in actions.items():
        yield action, nanoseconds(repeat, fitting_times(repeat))
    if not contender.survives_fork:
        return
    for action, opposite in (("set", "get"), ("get", "set")):
        with repeated_elsewhere(contender, opposite):
            yield f"{action}, contended", nanoseconds(actions[action], fitting_times(actions[action]))


def measure(contenders: list[Contender], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Return the rounds of each contender in each scenario."""
    figures: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for contender in contenders:
            for scenario, figure in measure_once(contender):
                figures.setdefault((contender.name, scenario), []).append(figure)
    return figures


def cell(figure: float | None, baseline: float) -> str:
    """Write a figure and its ratio to memlane's."""
    return f"{'-':>24}" if figure is None else f"{figure:>14.0f} ({figure / baseline:>5.1f} x)"


def print_latest_value(rounds: int) -> None:
    """Print the table of scenario S4b."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, contextlib.ExitStack() as stack:
        present = [peer for peer in PEERS if is_installed(peer)]
        contenders = [stack.enter_context(PEERS[peer](directory)) for peer in present]
        figures = {key: statistics.median(rounds) for key, rounds in measure(contenders, rounds).items()}
    scenarios = list(dict.fromkeys(scenario for _name, scenario in figures))
    print(f"{'a dict of 5 floats, ns':<28}" + "".join(f"{scenario:>24}" for scenario in scenarios))
    for contender in contenders:
        cells = [cell(figures.get((contender.name, scenario)), figures["memlane", scenario]) for scenario in scenarios]
        print(f"{contender.name:<28}" + " ".join(cells))
    for peer in [*sorted(PEERS.keys() - set(present)), "robot_ipc (no registry has it)"]:
        print(f"{peer:<28}not installed")


def wait_and_tell(variable: HostVariable, seconds: float, told: int) -> None:
    """Wait for a value that does not come, and tell how much processor time that took."""
    begin = resource.getrusage(resource.RUSAGE_SELF)
    with contextlib.suppress(TimeoutError):
        variable.wait(timeout=seconds)
    end = resource.getrusage(resource.RUSAGE_SELF)
    spent = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
    os.write(told, str(spent).encode())


def print_waiting(seconds: float) -> None:
    """Print what an endpoint costs that waits."""
    ready, tell = os.pipe()
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as directory,
        HostVariable("pose", directory=directory) as variable,
    ):
        process = CONTEXT.Process(target=wait_and_tell, args=(variable, seconds, tell))
        process.start()
        process.join()
        spent = float(os.read(ready, 100))
    print(
        f"waiting {seconds:g} s: {spent * 1e3:.2f} ms of processor time ({spent / seconds:.3%} of a core);"
        " at most 2 ms a second"
    )


def import_milliseconds(statement: str) -> float:
    """Run an import in a fresh interpreter and return how long that took; the modules' bytecode is written before."""
    program = f"import time; begin = time.perf_counter_ns(); {statement}; print(time.perf_counter_ns() - begin)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program]
    return int(subprocess.run(command, check=True, capture_output=True, env=environment).stdout) / 1e6


def print_importing() -> None:
    """Print how long an import takes, and one with the first use of a capability."""
    for statement in ("import memlane", "from memlane import HostVariable"):
        milliseconds = [import_milliseconds(statement) for _ in range(IMPORTS)]
        median = statistics.median(milliseconds)
        print(f"{statement}: {median:.1f} ms (fastest {min(milliseconds):.1f}); at most 25 ms")


def print_opening(rounds: int) -> None:
    """Print how long it takes to create and to open a variable of the default sizes."""
    opened, created = [], []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, HostVariable("pose", directory=directory):
        for number in range(20 * rounds):
            begin = time.perf_counter_ns()
            variable = HostVariable("pose", directory=directory)
            opened.append(time.perf_counter_ns() - begin)
            variable.close()
            begin = time.perf_counter_ns()
            variable = HostVariable(f"pose-{number}", directory=directory)
            created.append(time.perf_counter_ns() - begin)
            variable.unlink()
            variable.close()
    print(
        f"opening a variable: {statistics.median(opened) / 1e3:.0f} us (fastest {min(opened) / 1e3:.0f});"
        " at most 100 us"
    )
    print(f"creating a variable: {statistics.median(created) / 1e3:.0f} us (fastest {min(created) / 1e3:.0f})")


def main() -> None:
    """Measure and print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how often each contender takes its turn")
    parser.add_argument("--wait-seconds", type=float, default=10, help="how long the waiting endpoint waits")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"Python {sys.version.split()[0]}, {len(os.sched_getaffinity(0))} processors, load {load:.1f} before the start"
    )
    print_latest_value(arguments.rounds)
    print_waiting(arguments.wait_seconds)
    print_importing()
    print_opening(arguments.rounds)


if __name__ == "__main__":
    main()

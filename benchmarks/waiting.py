"""Time how memlane waits where others keep every processor busy, and what waiting costs where nobody comes.

    python benchmarks/waiting.py [--placement apart|together] [--load busy|none] [--rest 0] [--rounds 7] [kind ...]
    python benchmarks/waiting.py idle [--seconds 5]

Kinds: ``channel``, ``call``, ``share``, ``variable``: a value there and one back between two processes, beside the same
through two pipes, which sleep without a look. The mean of a round counts: looking costs a few answers that come late.
*Busy*: on each processor one more process never rests. *Together*: both processes are on one processor. A *rest*, in
seconds, comes before each, and is not counted: then both ends sleep. ``idle`` prints the part of a processor that an
endpoint of each kind takes while it waits for what does not come.

Contenders take turns, and the median round counts. Absolute times belong to this machine and this hour: the ratios are
what can be compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from memlane import CHAN_R, HostFunctionDispatcher, HostVariable, SharedAssign, Timeout, open_channel
from memlane.cli.bench import ways
from memlane.cli.bench.beside import beside, pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memlane.cli.bench.ways import Repeat, Way

WARM_UPS = 200
AT_ONCE = 20
SLOWEST = 33
"""One of so many waits until a busy process has used its 3 ms up: it is as long as a hundred others, by chance."""


@contextmanager
def by_shares(directory: str, processor: int) -> Iterator[Repeat]:
    """Hand a value over, and take one in return."""

    def answer() -> None:
        there = SharedAssign("there", mode="get", directory=directory)
        back = SharedAssign("back", mode="put", directory=directory)
        ways.for_ever(lambda: back.put(there.get()))

    with (
        beside(answer, processor),
        SharedAssign("there", mode="put", directory=directory) as there,
        SharedAssign("back", mode="get", directory=directory) as back,
    ):
        yield ways.repeated(lambda: (there.put(ways.MESSAGE), back.get()))


KINDS: dict[str, tuple[Way, Way]] = {
    "channel": (ways.by_channels, ways.by_pipes),
    "call": (ways.by_call, ways.by_pickles),
    "share": (by_shares, ways.by_pipes),
    "variable": (ways.by_variables, ways.by_pipes),
}


def mean_of_round(repeat: Repeat, seconds: float) -> float:
    """Return microseconds."""
    times, begin = 0, time.perf_counter()
    while (spent := time.perf_counter() - begin) < seconds:
        repeat(AT_ONCE)
        times += AT_ONCE
    return spent / times * 1e6


def mean_after_rests(repeat: Repeat, seconds: float, rest: float) -> float:
    """Return microseconds, without the slowest."""
    found, end = [], time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        repeat(1)
        found.append(time.perf_counter() - begin)
        time.sleep(rest)
    return statistics.fmean(sorted(found)[: len(found) - len(found) // SLOWEST]) * 1e6


def compare(kind: str, processor: int, arguments: argparse.Namespace) -> None:
    """Print one kind beside its peer; the other process is on that processor."""
    figures: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
        # The peer first: what forks while memlane's endpoints are open takes copies of them along.
        by_pipes, by_memlane = (stack.enter_context(way(directory, processor)) for way in reversed(KINDS[kind]))
        for repeat in (by_memlane, by_pipes):
            repeat(WARM_UPS)
        for _ in range(arguments.rounds):
            for found, repeat in zip(figures, (by_memlane, by_pipes), strict=True):
                found.append(
                    mean_after_rests(repeat, arguments.seconds, arguments.rest)
                    if arguments.rest
                    else mean_of_round(repeat, arguments.seconds)
                )
    ours, theirs = map(statistics.median, figures)
    spread = "; ".join(" ".join(f"{figure:.1f}" for figure in sorted(found)) for found in figures)
    print(f"{kind:10} {ours:8.2f} us, pipes {theirs:8.2f} us, ratio {theirs / ours:6.2f}   ({spread})", flush=True)


def burn() -> None:
    """Never rest."""
    while True:
        pass


def serving() -> HostFunctionDispatcher:
    """Serve a function that nobody calls."""
    dispatcher = HostFunctionDispatcher()
    dispatcher.add("echo", bytes)
    return dispatcher.start()


IDLE: dict[str, tuple[Callable[[], Any], Callable[[Any, float], object]]] = {
    "channel": (lambda: open_channel("there", CHAN_R), lambda end, seconds: end.read_bytes(1, timeout=seconds)),
    "call": (serving, lambda _, seconds: time.sleep(seconds)),
    "share": (lambda: SharedAssign("share", mode="get"), lambda share, seconds: share.get(timeout=seconds)),
    "variable": (lambda: HostVariable("variable"), lambda variable, seconds: variable.wait(timeout=seconds)),
    "nothing": (nullcontext, lambda _, seconds: sleep_in_chunks(seconds)),
}


def sleep_in_chunks(seconds: float) -> None:
    """Sleep for 50 ms again and again, and do nothing else."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)


def print_idle(seconds: float) -> None:
    """Print what each kind of endpoint costs while it waits, with all its checks on, beside sleeping alone."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        os.environ["MEMLANE_DIR"] = directory
        for kind, (open_one, wait) in IDLE.items():
            with open_one() as endpoint:
                spent = [time_of_processor(wait, endpoint, length) for length in (0.3, seconds)]
            print(f"{kind:10} {spent[1] / seconds:8.3%} of a processor", flush=True)


def time_of_processor(wait: Callable[[Any, float], object], endpoint: object, seconds: float) -> float:
    """Return the seconds that this process computes while it waits."""
    begin = time.process_time()
    with suppress(Timeout):
        wait(endpoint, seconds)
    return time.process_time() - begin


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each round")
    parser.add_argument("--placement", choices=("apart", "together"), default="apart")
    parser.add_argument("--load", choices=("busy", "none"), default="busy")
    parser.add_argument("--rest", type=float, default=0.0, help="seconds before each")
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"of {', '.join(KINDS)}; or idle")
    arguments = parser.parse_args()
    if arguments.kinds == ["idle"]:
        print_idle(arguments.seconds)
        return
    processors = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        for processor in processors if arguments.load == "busy" else ():
            stack.enter_context(beside(burn, processor))
        stack.enter_context(pinned(processors[0]))
        for kind in arguments.kinds or KINDS:
            other = processors[-1] if arguments.placement == "apart" else processors[0]
            compare(kind, other, arguments)


if __name__ == "__main__":
    main()

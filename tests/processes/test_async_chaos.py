"""A hundred variables, ten channels and ten functions in one loop, whose other sides are killed and started again.

The short form is a part of the suite; the long one runs a minute in each loop::

    python -m tests.processes.test_async_chaos 60
"""

from __future__ import annotations

import os
import random
import struct
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from memlane import (
    CHAN_R,
    CHAN_W,
    Channel,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    OppositeEndClosedError,
    PeerDied,
    Timeout,
    open_channel,
)
from tests.children import Child
from tests.loops import LOOPS, open_what_loops_keep, run_in_asyncio, run_in_trio, run_in_uvloop, sleep, together
from tests.peer import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from tests.loops import Run

VARIABLES, CHANNELS, FUNCTIONS, PEERS = 100, 10, 10, 5
RECORD = struct.Struct("<Q")
PAUSE_SECONDS = 0.002

pytestmark = pytest.mark.usefixtures("what_loops_keep")


def play(part: int) -> None:
    """Be one of the other sides until killed: write on from where the one before stopped, and serve."""
    dispatcher = HostFunctionDispatcher()
    for number in range(part, FUNCTIONS, PEERS):
        dispatcher.add(f"function-{number}", lambda value: value + 1)
    dispatcher.start()
    variables = [HostVariable(f"variable-{number}", 64) for number in range(part, VARIABLES, PEERS)]
    writers = [open_channel(f"channel-{number}", CHAN_W, 256) for number in range(part, CHANNELS, PEERS)]
    while True:
        for variable in variables:
            variable.data = variable.get(0) + 1
        for writer in writers:
            write_on(writer)
        time.sleep(PAUSE_SECONDS)


def write_on(writer: Channel) -> None:
    """Write the next record, or none where there is no room: records are whole, so the position says which is next."""
    try:
        writer.write(RECORD.pack(writer.position // RECORD.size), timeout=0)
    except Timeout as full:
        if full.written:
            raise AssertionError("a record was torn") from full


class Company:
    """What one loop waits for, and what it has seen so far."""

    def __init__(self, stack: ExitStack) -> None:
        self.variables = [stack.enter_context(HostVariable(f"variable-{number}", 64)) for number in range(VARIABLES)]
        self.readers = [
            stack.enter_context(open_channel(f"channel-{number}", CHAN_R, 256)) for number in range(CHANNELS)
        ]
        self.callers = [
            stack.enter_context(HostFunctionCaller(f"function-{number}", timeout=PATIENCE_SECONDS))
            for number in range(FUNCTIONS)
        ]
        self.steps = [0] * (VARIABLES + CHANNELS + FUNCTIONS)
        self.deaths = 0
        self.over = False

    def tasks(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Return the tasks, which note their steps."""
        places = iter(range(len(self.steps)))
        return [
            *(self._following(variable, next(places)) for variable in self.variables),
            *(self._reading(reader, next(places)) for reader in self.readers),
            *(self._calling(caller, next(places)) for caller in self.callers),
        ]

    def _following(self, variable: HostVariable, place: int) -> Callable[[], Coroutine[Any, Any, None]]:
        async def follow() -> None:
            last = 0
            while not self.over:
                value = await variable.wait_async(timeout=PATIENCE_SECONDS)
                assert value > last
                last = value
                self.steps[place] += 1

        return follow

    def _reading(self, reader: Channel, place: int) -> Callable[[], Coroutine[Any, Any, None]]:
        async def read() -> None:
            expected = reader.position // RECORD.size
            while not self.over:
                try:
                    record = await reader.read_bytes_async(RECORD.size, timeout=PATIENCE_SECONDS)
                except OppositeEndClosedError:
                    self.deaths += 1
                    await sleep(PAUSE_SECONDS)  # until a successor has opened it
                    continue
                assert RECORD.unpack(record) == (expected,)
                expected += 1
                self.steps[place] += 1

        return read

    def _calling(self, caller: HostFunctionCaller, place: int) -> Callable[[], Coroutine[Any, Any, None]]:
        async def call() -> None:
            number = 0
            while not self.over:
                number += 1
                try:
                    assert await caller.call_async(number) == number + 1
                except PeerDied:
                    self.deaths += 1
                    continue
                self.steps[place] += 1

        return call


async def everybody_goes_on(company: Company) -> None:
    """Wait until each task has made three steps more."""
    before = list(company.steps)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while min(now - then for now, then in zip(company.steps, before, strict=True)) < 3:
        assert time.monotonic() < deadline, "a task is stuck"
        await sleep(PAUSE_SECONDS)


def run_chaos(run: Run, seconds: float, seed: int) -> Company:
    """Run the program in one loop, and kill one of its peers again and again."""
    luck = random.Random(seed)
    with ExitStack() as stack:
        company = Company(stack)
        peers = [stack.enter_context(Child(partial(play, part))) for part in range(PEERS)]

        async def kill() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await sleep(luck.random() * 0.3)
                part = luck.randrange(PEERS)
                peers[part].kill()
                peers[part] = stack.enter_context(Child(partial(play, part)))
            await everybody_goes_on(company)
            company.over = True

        run(lambda: together(*company.tasks(), kill))
    return company


def start_what_stays(run: Run) -> None:
    """Let the program run once, after more endpoints were watched than it has: the threads that watch them stay."""
    with ExitStack() as stack:
        for number in range(2 * (VARIABLES + CHANNELS + FUNCTIONS)):
            stack.enter_context(HostVariable(f"watched-{number}", 8)).fileno()
    run_chaos(run, 0, 0)


def holdings() -> tuple[int, int]:
    """Count this process's threads and descriptors."""
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
@LOOPS
def test_nothing_is_lost_or_stuck_while_peers_are_killed(namespace: Path, run: Run) -> None:
    """Each stream goes on at the very byte, each task goes on, and nothing is left."""
    start_what_stays(run)
    before = holdings()
    seed = random.randrange(1 << 32)

    company = run_chaos(run, 1, seed)

    assert min(company.steps) >= 3, f"seed {seed}"
    assert holdings() == before


def main(seconds: float) -> None:
    """Print what each loop saw."""
    open_what_loops_keep()
    for run in (run_in_asyncio, run_in_uvloop, run_in_trio):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            os.environ["MEMLANE_DIR"] = directory
            start_what_stays(run)
            before = holdings()
            company = run_chaos(run, seconds, random.randrange(1 << 32))
            print(
                f"{run.__name__}: {sum(company.steps)} steps, {min(company.steps)} of the slowest task,"
                f" {company.deaths} deaths seen, threads and descriptors {before} -> {holdings()}",
                flush=True,
            )


if __name__ == "__main__":
    main(float(sys.argv[1]))

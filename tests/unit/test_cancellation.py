"""Cancelled at any moment, also after the wake and before the resume, an operation in a task loses and doubles nothing.

Each trial cancels one operation. The short form is a part of the suite; the long one makes 10,000 trials of each kind::

    python -m tests.unit.test_cancellation 10000
"""

from __future__ import annotations

import asyncio
import os
import random
import struct
import sys
import tempfile
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from memlane import (
    CHAN_R,
    CHAN_W,
    Channel,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    SharedAssign,
    SharedMMap,
    Timeout,
    open_channel,
)
from tests.loops import LOOPS, run_in_asyncio, run_in_trio, run_in_uvloop, sleep
from tests.peer import PATIENCE_SECONDS
from tests.unit.test_buffer import Plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

    from tests.loops import Run

    Scenario = Callable[["Canceller", int], Coroutine[Any, Any, None]]

RECORD = struct.Struct("<Q")

pytestmark = pytest.mark.usefixtures("what_loops_keep")


class AsyncioOperation:
    """An operation in a task of its own."""

    def __init__(self, operation: Awaitable[Any]) -> None:
        self._task = asyncio.ensure_future(operation)
        self.cancelled = False
        self.value: Any = None

    async def end(self) -> None:
        """Wait for it."""
        try:
            self.value = await self._task
        except asyncio.CancelledError:
            self.cancelled = True

    def cancel(self) -> None:
        """Cancel it."""
        self._task.cancel()

    def is_done(self) -> bool:
        """Tell whether it has come to its end."""
        return self._task.done()

    def is_asleep(self) -> bool:
        """Tell whether it waits to be woken, and does not only let other tasks run."""
        waits_for = self._waits_for()
        return waits_for is not None and not waits_for.done()

    def is_woken(self) -> bool:
        """Tell whether it was woken, and has not gone on."""
        waits_for = self._waits_for()
        return waits_for is not None and waits_for.done()

    async def cancel_when_woken(self, is_over: Callable[[], bool]) -> bool:
        """Cancel it between its wake and its resume, or at its end; return whether it was woken."""
        await _pass_until(lambda: self.is_woken() or self.is_done() or is_over())
        woken = self.is_woken()
        self.cancel()
        return woken

    def _waits_for(self) -> asyncio.Future[Any] | None:
        return getattr(self._task, "_fut_waiter", None)


class TrioOperation(trio.abc.Instrument):
    """An operation in a task of its own, which `run` is."""

    def __init__(self, operation: Awaitable[Any]) -> None:
        self._operation = operation
        self._scope = trio.CancelScope()
        self._task: trio.lowlevel.Task | None = None
        self._runs = self._is_scheduled = self._is_woken = self._is_done = self._must_wake = False
        self._was_woken = False
        self.value: Any = None

    async def run(self) -> None:
        """Execute it."""
        self._task = trio.lowlevel.current_task()
        self._runs = True
        with self._scope:
            self.value = await self._operation
        self._is_done = True

    @property
    def cancelled(self) -> bool:
        """Whether it was, before it had come to its end."""
        return self._scope.cancelled_caught

    def cancel(self) -> None:
        """Cancel it."""
        self._scope.cancel()

    def is_done(self) -> bool:
        """Tell whether it has come to its end."""
        return self._is_done

    def is_asleep(self) -> bool:
        """Tell whether it waits to be woken, and does not only let other tasks run."""
        return self._task is not None and not self._is_scheduled and not self._is_done

    def is_woken(self) -> bool:
        """Tell whether it was woken, and has not gone on."""
        return self._is_woken

    async def cancel_when_woken(self, is_over: Callable[[], bool]) -> bool:
        """Cancel it between its wake and its resume, or at its end; return whether it was woken."""
        self._must_wake = True  # tasks that are ready run in any order: another task could come too late
        await _pass_until(lambda: self._was_woken or self.is_done() or is_over())
        self.cancel()
        return self._was_woken

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note that it goes on."""
        if task is self._task:
            self._runs, self._is_scheduled, self._is_woken = True, False, False

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """Note who scheduled it: itself, or another, who woke it."""
        if task is self._task:
            self._is_scheduled, self._is_woken = True, not self._runs
            if self._must_wake and self._is_woken:
                self._was_woken = True
                self.cancel()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note that it does not run."""
        if task is self._task:
            self._runs = False


@asynccontextmanager
async def begun(operation: Awaitable[Any]) -> AsyncIterator[AsyncioOperation | TrioOperation]:
    """Begin the operation, in the loop that runs; the end of the block waits for it."""
    if trio.lowlevel.in_trio_run():
        in_trio = TrioOperation(operation)
        trio.lowlevel.add_instrument(in_trio)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_trio.run)
            yield in_trio
        trio.lowlevel.remove_instrument(in_trio)
    else:
        in_asyncio = AsyncioOperation(operation)
        yield in_asyncio
        await in_asyncio.end()


class Canceller:
    """Cancels tasks at random moments, and counts those that had been woken and not been resumed.

    In trio these come to their end all the same, in asyncio they do not.
    """

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(seed)
        self.cancelled = self.woken = self.trials = 0

    async def run(
        self, operation: Awaitable[Any], provoke: Callable[[], object], is_over: Callable[[], bool] = bool
    ) -> tuple[bool, Any]:
        """Begin the operation, provoke its end, cancel it; return whether it was cancelled, and what it gave.

        is_over: Of an operation that never ends: whether it has done what was provoked.
        """
        self.trials += 1
        async with begun(operation) as task:
            if self._luck.random() < 0.6:
                await _pass_until(lambda: task.is_asleep() or task.is_done())
                provoke()
                self.woken += await task.cancel_when_woken(is_over)
            else:
                await self._pass_some(3)
                provoke()
                await self._pass_some(40)
                self.woken += task.is_woken()
                task.cancel()
        self.cancelled += task.cancelled
        return task.cancelled, task.value

    async def _pass_some(self, limit: int) -> None:
        for _ in range(self._luck.randrange(limit)):
            await sleep(0)


async def _pass_until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await sleep(0)


def read_into(got: list[bytes], reader: Channel) -> None:
    """Make room for a record."""
    got.append(reader.read_bytes(RECORD.size))


def call_into(pending: list[Any], caller: HostFunctionCaller, number: int) -> None:
    """Send a call."""
    pending.append(caller(number))


def is_done(pending: list[Any]) -> bool:
    """Tell whether the call was answered."""
    return bool(pending[0].done())


async def cancel_values(canceller: Canceller, trials: int) -> None:
    """A value that the cancelled wait did not return is returned by the next one."""
    with HostVariable("pose", 64) as reader, HostVariable("pose") as writer:
        for number in range(trials):
            cancelled, value = await canceller.run(reader.wait_async(), partial(setattr, writer, "data", number))
            assert (await reader.wait_async(timeout=PATIENCE_SECONDS) if cancelled else value) == number


async def cancel_readings(canceller: Canceller, trials: int) -> None:
    """Bytes come once, in their order, whoever takes them."""
    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:
        for number in range(trials):
            cancelled, value = await canceller.run(
                reader.read_bytes_async(8), partial(writer.write, RECORD.pack(number))
            )
            if cancelled:
                value = await reader.read_bytes_async(8, timeout=PATIENCE_SECONDS)
            assert RECORD.unpack(value) == (number,)


async def cancel_writings(canceller: Canceller, trials: int) -> None:
    """A record is in the stream as a whole, or not at all; what was cancelled can be written again."""
    with open_channel("wire", CHAN_W, 8) as writer, open_channel("wire", CHAN_R) as reader:
        writer.write(RECORD.pack(0))
        for number in range(1, trials + 1):
            got: list[bytes] = []
            cancelled, _ = await canceller.run(writer.write_async(RECORD.pack(number)), partial(read_into, got, reader))
            assert RECORD.unpack(got[0]) == (number - 1,)
            if cancelled:
                assert writer.position == 8 * number
                await writer.write_async(RECORD.pack(number), timeout=PATIENCE_SECONDS)


async def cancel_gettings(canceller: Canceller, trials: int) -> None:
    """A value that was not returned still waits to be taken."""
    with SharedAssign("share", 64, "get") as taker, SharedAssign("share", 64, "put") as giver:
        for number in range(trials):
            cancelled, value = await canceller.run(taker.get_async(), partial(giver.put, number))
            assert (await taker.get_async(timeout=PATIENCE_SECONDS) if cancelled else value) == number


async def cancel_calls(canceller: Canceller, trials: int) -> None:
    """No call is executed twice, none that returned was not executed, and each gives its own result."""
    executed: list[int] = []
    returned: list[int] = []
    gates = [threading.Event() for _ in range(trials + 1)]

    def note(number: int) -> int:
        gates[number].wait(PATIENCE_SECONDS)
        executed.append(number)
        return number

    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("note", timeout=PATIENCE_SECONDS) as caller:
        dispatcher.add("note", note)
        dispatcher.start()
        for number in range(trials):
            cancelled, value = await canceller.run(caller.call_async(number), gates[number].set)
            if not cancelled:
                assert value == number
                returned.append(number)
        gates[trials].set()
        assert await caller.call_async(trials) == trials
        assert caller.stats().waiting == 0
    assert len(set(executed)) == len(executed)
    assert set(returned) <= set(executed)


async def cancel_serving(canceller: Canceller, trials: int) -> None:
    """A call that the cancelled task had not begun is served by the next one; each is executed once."""
    executed: list[int] = []
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("note", timeout=PATIENCE_SECONDS) as caller:
        dispatcher.add("note", executed.append)
        for number in range(trials):
            pending: list[Any] = []
            await canceller.run(
                dispatcher.serve_async(),
                partial(call_into, pending, caller, number),
                is_over=partial(is_done, pending),
            )
            if not pending[0].done():
                async with begun(dispatcher.serve_async()) as serving:
                    await _pass_until(partial(is_done, pending))
                    serving.cancel()
                assert serving.cancelled
            assert pending[0].result() is None
    assert executed == list(range(trials))


async def cancel_changes(canceller: Canceller, trials: int) -> None:
    """A change that the cancelled wait did not return is returned by the next one."""
    with Plain.open("plain") as buffer, Plain.open("plain") as other:
        for number in range(trials):
            cancelled, changed = await canceller.run(buffer.wait_async(["id"]), partial(other.set, "id", number % 100))
            if cancelled:
                changed = await buffer.wait_async(["id"], timeout=PATIENCE_SECONDS)
            assert changed == {"id"}
            assert buffer.get("id") == number % 100


async def cancel_locks(canceller: Canceller, trials: int) -> None:
    """A cancelled task holds nothing, and another one holds what it was given."""
    with SharedMMap("map", 8) as shm:
        for _ in range(trials):
            holding = await shm.lock().acquire_async().__aenter__()
            cancelled, acquired = await canceller.run(shm.lock().acquire_async().__aenter__(), holding.release)
            if not cancelled:
                with pytest.raises(Timeout):
                    shm.lock(timeout=0).__enter__()
                acquired.release()
            async with shm.lock(PATIENCE_SECONDS).acquire_async() as again:
                assert not again.recovered
        assert shm.stats().recovered == 0


SCENARIOS = [
    cancel_values,
    cancel_readings,
    cancel_writings,
    cancel_gettings,
    cancel_calls,
    cancel_serving,
    cancel_changes,
    cancel_locks,
]


def cancel_often(run: Run, scenario: Scenario, trials: int, seed: int) -> Canceller:
    """Run the trials of one scenario in one loop."""
    canceller = Canceller(seed)
    run(lambda: scenario(canceller, trials))
    return canceller


@pytest.mark.slow
@LOOPS
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cancelled_operations_lose_and_double_nothing(namespace: Path, run: Run, scenario: Scenario) -> None:
    """Also where the wake-up had come and the task had not gone on: a fifth of all at the least."""
    seed = random.randrange(1 << 32)

    canceller = cancel_often(run, scenario, 200, seed)

    assert canceller.woken * 5 >= canceller.trials, f"seed {seed}"


def main(trials: int) -> None:
    """Print what came of so many trials of each kind."""
    for run in (run_in_asyncio, run_in_uvloop, run_in_trio):
        for scenario in SCENARIOS:
            # One each: what a channel still holds outlives its endpoints, and the next scenario's has the same name.
            with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
                os.environ["MEMLANE_DIR"] = directory
                done = cancel_often(run, scenario, trials, random.randrange(1 << 32))
            print(
                f"{run.__name__} {scenario.__name__}: {done.trials} trials, {done.cancelled} cancelled,"
                f" {done.woken} trials after the wake and before the resume",
                flush=True,
            )
            assert done.woken * 5 >= done.trials


if __name__ == "__main__":
    main(int(sys.argv[1]))

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
    SharedAssign,
    SharedMMap,
    Timeout,
    open_channel,
)
from tests.loops import ASYNCIO_LOOPS, run_in_asyncio, run_in_uvloop
from tests.peer import PATIENCE_SECONDS
from tests.unit.test_buffer import Plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from tests.loops import Run

    Scenario = Callable[["Canceller", int], Coroutine[Any, Any, None]]

RECORD = struct.Struct("<Q")

pytestmark = pytest.mark.usefixtures("what_loops_keep")


class Canceller:
    """Cancels tasks at random moments, and counts those that had been woken and not been resumed."""

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(seed)
        self.cancelled = self.woken = self.trials = 0

    async def run(
        self, operation: Awaitable[Any], provoke: Callable[[], object], is_over: Callable[[], bool] = bool
    ) -> tuple[bool, Any]:
        """Begin the operation, provoke its end, cancel it; return whether it was cancelled, and what it gave.

        is_over: Of an operation that never ends: whether it has done what was provoked.
        """
        task = asyncio.ensure_future(operation)
        self.trials += 1
        for _ in range(self._luck.randrange(3)):
            await asyncio.sleep(0)
        provoke()
        if self._luck.random() < 0.6:
            while not (task.done() or _is_woken(task) or is_over()):  # noqa: ASYNC110  (each pass of the loop is a moment)
                await asyncio.sleep(0)
        else:
            for _ in range(self._luck.randrange(40)):
                await asyncio.sleep(0)
        woken = _is_woken(task)
        task.cancel()
        try:
            value = await task
        except asyncio.CancelledError:
            self.cancelled += 1
            self.woken += woken
            return True, None
        return False, value


def _is_woken(task: asyncio.Future[Any]) -> bool:
    future = getattr(task, "_fut_waiter", None)
    return future is not None and future.done()


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
    gate = threading.Semaphore(0)

    def note(number: int) -> int:
        gate.acquire(timeout=PATIENCE_SECONDS)
        executed.append(number)
        return number

    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("note", timeout=PATIENCE_SECONDS) as caller:
        dispatcher.add("note", note)
        dispatcher.start()
        for number in range(trials):
            cancelled, value = await canceller.run(caller.call_async(number), gate.release)
            if not cancelled:
                assert value == number
                returned.append(number)
        gate.release(trials)
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
                serving = asyncio.ensure_future(dispatcher.serve_async())
                while not pending[0].done():  # noqa: ASYNC110  (it is no future of this loop)
                    await asyncio.sleep(0)
                serving.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await serving
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
@ASYNCIO_LOOPS
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cancelled_operations_lose_and_double_nothing(namespace: Path, run: Run, scenario: Scenario) -> None:
    """Also where the wake-up had come and the task had not gone on: a fifth of all at the least."""
    seed = random.randrange(1 << 32)

    canceller = cancel_often(run, scenario, 200, seed)

    assert canceller.woken * 5 >= canceller.trials, f"seed {seed}"


def main(trials: int) -> None:
    """Print what came of so many trials of each kind."""
    for run in (run_in_asyncio, run_in_uvloop):
        for scenario in SCENARIOS:
            # One each: what a channel still holds outlives its endpoints, and the next scenario's has the same name.
            with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
                os.environ["MEMLANE_DIR"] = directory
                done = cancel_often(run, scenario, trials, random.randrange(1 << 32))
            print(
                f"{run.__name__} {scenario.__name__}: {done.trials} trials, {done.cancelled} cancelled,"
                f" {done.woken} of them after the wake",
                flush=True,
            )
            assert done.woken * 5 >= done.trials


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Values in asyncio, uvloop and trio: taken when they come, cancelled without a loss."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import threading
import weakref
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import memlane
from memlane import HostVariable
from tests.loops import ASYNCIO_LOOPS, LOOPS, run_in_asyncio, run_in_trio, sleep, together
from tests.peer import PATIENCE_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.loops import Run

pytestmark = pytest.mark.usefixtures("what_loops_keep")


@LOOPS
def test_value_that_is_there_is_returned_at_once(variable: HostVariable, run: Run) -> None:
    """No system call and no trip through the loop."""
    variable.data = 1

    async def program() -> Any:
        return await variable.wait_async(timeout=0)

    assert run(program) == 1


@LOOPS
def test_each_value_of_a_thread_arrives(variable: HostVariable, namespace: Path, run: Run) -> None:
    """The task sleeps between two values, and no wake-up is lost."""
    rounds = 200

    def echo() -> None:
        with HostVariable("pose") as questions, HostVariable("answers") as answers:
            for _ in range(rounds):
                answers.data = questions.wait()

    async def program() -> list[Any]:
        seen = []
        with HostVariable("answers") as answers:
            for number in range(rounds):
                variable.data = number
                seen.append(await answers.wait_async())
        return seen

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        assert run(program) == list(range(rounds))
    finally:
        thread.join()


@LOOPS
def test_timeout_is_the_same_error_as_without_a_loop(variable: HostVariable, run: Run) -> None:
    """One class for each reaction."""

    async def program() -> None:
        with pytest.raises(memlane.Timeout, match="variable 'pose': no version newer than 0 was written in time"):
            await variable.wait_async(timeout=0.01)

    run(program)


@LOOPS
@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan")])
def test_negative_timeout_is_a_value_error_as_without_a_loop(variable: HostVariable, run: Run, timeout: float) -> None:
    """Refused even where there is nothing to wait for."""

    async def program() -> None:
        for _ in range(2):
            with pytest.raises(ValueError, match="give seconds from 0"):
                await variable.wait_async(timeout=timeout)
            with pytest.raises(ValueError, match="give seconds from 0"):
                await anext(variable.updates_async(timeout))
            variable.data = 1

    run(program)


@LOOPS
def test_wait_for_a_far_version_does_not_hide_the_near_ones(variable: HostVariable, run: Run) -> None:
    """Other tasks of the endpoint, and its descriptor, wait for less."""

    async def program() -> None:
        with pytest.raises(memlane.Timeout):
            await variable.wait_async(newer_than=10, timeout=0.001)

    run(program)
    variable.data = "near"

    assert memlane.wait([variable], timeout=0) == [variable]


@LOOPS
def test_wait_for_a_far_version_passes_over_the_near_ones(variable: HostVariable, run: Run) -> None:
    """Each of them wakes the task, which sleeps again."""

    async def program() -> Any:
        arrived: Any = None

        async def write() -> None:
            for number in range(1, 5):
                variable.data = number
                await sleep(0.001)

        async def wait() -> None:
            nonlocal arrived
            arrived = await variable.wait_async(newer_than=3, timeout=PATIENCE_SECONDS)

        await together(wait, write)
        return arrived

    assert run(program) == 4


@LOOPS
def test_updates_iterate(variable: HostVariable, run: Run) -> None:
    """`async for` gets the latest, and then what is newer."""

    async def program() -> list[Any]:
        seen = []
        variable.data = 0
        async for value in variable.updates_async():
            seen.append(value)
            if value == 5:
                break
            variable.data = value + 1
        return seen

    assert run(program) == [0, 1, 2, 3, 4, 5]


@ASYNCIO_LOOPS
def test_many_tasks_can_wait_for_one_endpoint(variable: HostVariable, namespace: Path, run: Run) -> None:
    """A loop has one callback for a descriptor: all of them must be told."""

    async def program() -> list[Any]:
        with HostVariable("pose") as writer:
            first = writer.version
            tasks = [asyncio.ensure_future(variable.wait_async(newer_than=first)) for _ in range(20)]
            await asyncio.sleep(0)
            writer.data = "news"
            return list(await asyncio.gather(*tasks))

    assert run(program) == ["news"] * 20


@ASYNCIO_LOOPS
def test_loop_that_ended_is_not_kept(variable: HostVariable, run: Run) -> None:
    """A program may call `asyncio.run` for each request."""
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def program() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        with pytest.raises(memlane.Timeout):
            await variable.wait_async(timeout=0.001)

    run(program)
    gc.collect()

    assert [loop() for loop in loops] == [None]


@ASYNCIO_LOOPS
def test_closing_ends_the_wait_of_a_task(variable: HostVariable, run: Run) -> None:
    """A task must not sleep for ever on what is gone."""

    async def program() -> None:
        task = asyncio.ensure_future(variable.wait_async())
        await asyncio.sleep(0)
        variable.close()
        with pytest.raises(memlane.Closed):
            await task

    run(program)


@pytest.mark.slow
@ASYNCIO_LOOPS
def test_cancelled_waits_lose_nothing(variable: HostVariable, namespace: Path, run: Run) -> None:
    """Cancelled at any moment, also between the wake-up and the resumption: the next wait returns the value."""
    trials, seed = 2000, random.randrange(1 << 32)
    luck = random.Random(seed)

    async def program() -> int:
        woken = 0
        with HostVariable("pose") as writer:
            for number in range(trials):
                task = asyncio.ensure_future(variable.wait_async())
                await asyncio.sleep(0)
                writer.data = number
                # From the first pass after the ring on, the future may be set and the task not resumed.
                for _ in range(luck.randrange(6)):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    value = await task
                except asyncio.CancelledError:
                    value = await variable.wait_async(timeout=30)
                else:
                    woken += 1
                assert value == number, f"seed {seed}"
        return woken

    assert run(program) > 0


@ASYNCIO_LOOPS
def test_loop_that_ends_while_a_task_waits_leaves_nothing(variable: HostVariable, run: Run) -> None:
    """A service that is stopped must be able to start again."""

    async def program() -> None:
        asyncio.ensure_future(variable.wait_async())  # noqa: RUF006  (left behind on purpose)
        await asyncio.sleep(0)

    for _ in range(3):
        run(program)
    variable.data = "after"

    async def again() -> Any:
        return await variable.wait_async()

    assert run(again) == "after"


def test_threads_of_the_library_do_not_grow(namespace: Path) -> None:
    """One waits for all; it stays, and is used again."""

    def count() -> int:
        return len(os.listdir("/proc/self/task"))

    with HostVariable("pose") as variable:
        variable.fileno()
    before = count()

    for number in range(100):
        with HostVariable(f"v{number % 7}", 64, slots=2) as variable:
            variable.fileno()

    assert count() == before


@pytest.mark.parametrize("library", ["trio", "asyncio"])
def test_task_waits_while_another_thread_imports_a_loop(
    variable: HostVariable, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """A module is known before it has its names. To a child that was forked in between, for ever."""

    async def write_and_wait() -> Any:
        variable.data = "value"
        return await variable.wait_async(timeout=PATIENCE_SECONDS)

    run = {"trio": run_in_asyncio, "asyncio": run_in_trio}[library]
    monkeypatch.setitem(sys.modules, library, ModuleType(library))

    assert run(write_and_wait) == "value"

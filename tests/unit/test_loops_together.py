"""Endpoints at which several tasks, loops and threads wait, and what an ended loop or a fork leaves to the others."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import operator
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

import memlane
from memlane import CHAN_R, CHAN_W, HostFunctionCaller, HostFunctionDispatcher, HostVariable, SharedAssign, open_channel
from memlane.buffer import Buffer, Parameter
from tests.children import Child
from tests.loops import ASYNCIO_LOOPS, LOOPS, sleep
from tests.peer import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.loops import Run

pytestmark = pytest.mark.usefixtures("what_loops_keep")

# Long enough for a task to fall asleep; where it does not, the test shows less.
MOMENT_SECONDS = 0.01


# -- buffers -------------------------------------------------------------------------------------------------------

Arm = Buffer.make_type("arm", [Parameter("id", ctypes.c_int, 0), Parameter("pos", ctypes.c_double, 1)])


async def next_change(buffer: Buffer) -> set[str]:
    """Take one change of the iteration."""
    async for changed in buffer.changes_async(["id"]):
        return set(changed)
    return set()


@ASYNCIO_LOOPS
@pytest.mark.parametrize("wait", [lambda buffer: buffer.wait_async(["id"]), next_change])
def test_task_hears_of_a_parameter_whoever_looks_for_another(
    namespace: Path, run: Run, wait: Callable[[Buffer], Awaitable[Any]]
) -> None:
    """Neither a look, nor another task that waits at the same endpoint, takes it away."""

    async def program() -> Any:
        with Arm.open("arm") as buffer, Arm.open("arm") as other:
            task = asyncio.ensure_future(wait(buffer))
            beside = asyncio.ensure_future(buffer.wait_async(["pos"]))
            await asyncio.sleep(MOMENT_SECONDS)
            other.set("id", 7)
            with pytest.raises(memlane.Timeout):
                buffer.wait(["pos"], timeout=0)  # in the same pass of the loop
            heard = await asyncio.wait_for(task, PATIENCE_SECONDS)
            assert not beside.done()
            other.set("pos", 0.5)
            return heard, await asyncio.wait_for(beside, PATIENCE_SECONDS)

    assert run(program) == ({"id"}, {"pos"})


@ASYNCIO_LOOPS
def test_task_that_waits_hides_no_parameter_from_who_polls_later(namespace: Path, run: Run) -> None:
    """What it passed over is still new to all others."""

    async def program() -> Any:
        with Arm.open("arm") as buffer, Arm.open("arm") as other:
            task = asyncio.ensure_future(buffer.wait_async(["pos"]))
            await asyncio.sleep(MOMENT_SECONDS)
            other.set("id", 7)
            other.set("pos", 0.5)
            assert await asyncio.wait_for(task, PATIENCE_SECONDS) == {"pos"}
            assert memlane.wait([buffer], PATIENCE_SECONDS) == [buffer]
            return buffer.wait(timeout=0)

    assert run(program) == {"id"}


@ASYNCIO_LOOPS
def test_forked_child_polls_a_buffer_beside_its_parents_tasks(namespace: Path, run: Run) -> None:
    """They stayed in the parent, and what they wait for does not count in the child."""

    async def program() -> Any:
        with Arm.open("arm") as buffer:
            task = asyncio.ensure_future(buffer.wait_async(["pos"]))
            await asyncio.sleep(MOMENT_SECONDS)

            def child() -> Any:
                with Arm.open("arm") as other:
                    other.set("id", 7)
                assert memlane.wait([buffer], PATIENCE_SECONDS) == [buffer]
                return buffer.wait(timeout=0), memlane.wait([buffer], 0)

            with Child(child) as forked:
                answer = forked.answer()
            task.cancel()
            return answer

    assert run(program) == ({"id"}, [])


# -- variables -----------------------------------------------------------------------------------------------------


async def next_update(variable: HostVariable) -> Any:
    """Take one value of the iteration."""
    async for value in variable.updates_async():
        return value
    return None


@ASYNCIO_LOOPS
@pytest.mark.parametrize("wait", [lambda variable: variable.wait_async(), next_update])
def test_every_task_gets_the_value_that_others_read_too(
    variable: HostVariable, namespace: Path, run: Run, wait: Callable[[HostVariable], Awaitable[Any]]
) -> None:
    """As threads that wait: who looks at the variable in between takes nothing from them."""

    async def program() -> list[Any]:
        with HostVariable("pose") as writer:
            writer.data = "old"
            assert variable.data == "old"
            tasks = [asyncio.ensure_future(wait(variable)) for _ in range(4)]
            await asyncio.sleep(MOMENT_SECONDS)
            writer.data = "news"
            assert variable.data == "news"  # in the same pass of the loop
            return await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_SECONDS)

    assert run(program) == ["news"] * 4


@ASYNCIO_LOOPS
def test_each_task_waits_beyond_its_own_version(variable: HostVariable, namespace: Path, run: Run) -> None:
    """One that waits for a later version keeps no other from the next."""

    async def program() -> Any:
        with HostVariable("pose") as writer:
            writer.data = "old"
            later = asyncio.ensure_future(variable.wait_async(newer_than=variable.version + 1))
            task = asyncio.ensure_future(variable.wait_async(newer_than=variable.version))
            await asyncio.sleep(MOMENT_SECONDS)
            writer.data = "next"
            first = await asyncio.wait_for(task, PATIENCE_SECONDS)
            writer.data = "later"
            return first, await asyncio.wait_for(later, PATIENCE_SECONDS)

    assert run(program) == ("next", "later")


@LOOPS
def test_wait_for_a_later_version_that_ends_early_changes_nothing(
    variable: HostVariable, namespace: Path, run: Run
) -> None:
    """What was not taken is there for the next poll, and so is what comes."""

    async def program() -> None:
        with pytest.raises(memlane.Timeout):
            await variable.wait_async(newer_than=variable.version + 9, timeout=MOMENT_SECONDS)

    variable.data = "unread"
    run(program)
    assert memlane.wait([variable], 0) == [variable]
    assert variable.data == "unread"
    run(program)
    assert memlane.wait([variable], 0) == []
    variable.data = "next"

    assert memlane.wait([variable], 0) == [variable]


@ASYNCIO_LOOPS
def test_forked_child_does_not_wait_for_its_parents_tasks(variable: HostVariable, namespace: Path, run: Run) -> None:
    """Its descriptor says what it has to take."""

    async def program() -> Any:
        with HostVariable("pose") as writer:
            writer.data = "old"
            assert variable.data == "old"
            task = asyncio.ensure_future(variable.wait_async())
            await asyncio.sleep(MOMENT_SECONDS)
            writer.data = "news"
            assert variable.data == "news"
            with Child(lambda: memlane.wait([variable], 0) == []) as forked:
                assert forked.answer() is True
            return await asyncio.wait_for(task, PATIENCE_SECONDS)

    assert run(program) == "news"


@LOOPS
def test_iteration_can_be_closed(variable: HostVariable, run: Run) -> None:
    """As a generator, by `contextlib.aclosing`: afterwards it is at its end."""
    variable.data = 1

    async def program() -> list[Any]:
        updates: Any = variable.updates_async()
        seen = [await updates.__anext__()]
        await updates.aclose()
        return seen + [value async for value in updates]

    assert run(program) == [1]


# -- turns ---------------------------------------------------------------------------------------------------------


@LOOPS
def test_loops_of_two_threads_share_the_reading_of_a_stream(namespace: Path, run: Run) -> None:
    """Each number arrives at one of them, also when the other one sleeps."""
    count = 100
    got: list[int] = []
    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:

        async def program() -> None:
            while (number := int.from_bytes(await reader.read_bytes_async(2), "big")) < count:
                got.append(number)

        threads = [threading.Thread(target=run, args=(program,), daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(count):
            writer.write(number.to_bytes(2, "big"))
            wait_until(partial(operator.contains, got, number), f"number {number} has arrived")
        writer.write(count.to_bytes(2, "big") * 2)
        for thread in threads:
            thread.join(PATIENCE_SECONDS)

    assert got == list(range(count))


@pytest.mark.parametrize("kept", [0, 3])
def test_closed_loop_leaves_the_turn_to_the_next(namespace: Path, kept: int) -> None:
    """Its tasks never go on, whether or not somebody still knows them. With them goes what they held."""
    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # tasks that are destroyed while they wait
        tasks = [loop.create_task(reader.read_bytes_async(4)) for _ in range(3)]
        loop.run_until_complete(asyncio.sleep(MOMENT_SECONDS))
        loop.close()
        del tasks[kept:]

        async def again() -> bytes:
            task = asyncio.ensure_future(reader.read_bytes_async(4))
            await asyncio.sleep(MOMENT_SECONDS)
            writer.write(b"news")
            return await asyncio.wait_for(task, PATIENCE_SECONDS)

        assert asyncio.run(again()) == b"news"
        del loop
        tasks.clear()
        while gc.collect():  # what waits gives its endpoint back
            pass


@ASYNCIO_LOOPS
def test_forked_child_calls_while_its_parents_tasks_wait_for_their_turn(namespace: Path, run: Run) -> None:
    """The turns are the parent's tasks', which the child does not have."""

    async def program() -> list[Any]:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("double", slots=1) as caller:
            dispatcher.add("double", lambda number: 2 * number, slots=1)
            tasks = [asyncio.ensure_future(caller.call_async(number)) for number in range(3)]
            await asyncio.sleep(MOMENT_SECONDS)

            def child() -> Any:
                return asyncio.run(asyncio.wait_for(caller.call_async(21), PATIENCE_SECONDS / 2))

            with Child(child) as forked:
                dispatcher.start()
                assert await asyncio.to_thread(forked.answer) == 42
            return await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_SECONDS)

    assert run(program) == [0, 2, 4]


@ASYNCIO_LOOPS
def test_task_that_waits_for_room_leaves_others_their_responses(namespace: Path, run: Run) -> None:
    """Who sends the next call when one is over must not collect what another task sleeps for."""
    rounds, tasks = 100, 3

    async def program() -> None:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("double", slots=1) as caller:
            dispatcher.add("double", lambda number: 2 * number, slots=1)
            for _ in range(rounds):
                calls = [asyncio.ensure_future(caller.call_async(number)) for number in range(tasks)]
                await asyncio.sleep(0)
                dispatcher.start()
                assert await asyncio.wait_for(asyncio.gather(*calls), PATIENCE_SECONDS) == [0, 2, 4]
                dispatcher.stop()

    run(program)


# -- loops in loops ------------------------------------------------------------------------------------------------


def test_tasks_of_asyncio_wait_beside_trio_as_its_guest(variable: HostVariable) -> None:
    """Both run in one thread: each task in its own."""

    async def guest() -> Any:
        with HostVariable("guests") as mine:
            mine.data = 1
            assert mine.data == 1
            variable.data = "from the guest"
            return await mine.wait_async()

    async def host() -> tuple[Any, Any]:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=ended.set_result
        )
        with HostVariable("guests") as theirs:
            news = await variable.wait_async()
            await asyncio.sleep(MOMENT_SECONDS)
            theirs.data = "from the host"
            return news, (await ended).unwrap()

    assert asyncio.run(host()) == ("from the guest", "from the host")


def test_child_forked_by_a_task_of_trio_may_use_asyncio(variable: HostVariable) -> None:
    """What the thread ran before the fork does not count."""

    def child() -> Any:
        async def program() -> Any:
            task = asyncio.ensure_future(variable.wait_async(newer_than=variable.version))
            await asyncio.sleep(MOMENT_SECONDS)
            variable.data = os.getpid()
            return await task == os.getpid()

        return asyncio.run(program())

    async def parent() -> None:
        with Child(child) as forked:
            assert forked.answer() is True

    trio.run(parent)


# -- timeouts ------------------------------------------------------------------------------------------------------


@LOOPS
@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan")])
def test_negative_timeout_is_refused(namespace: Path, run: Run, timeout: float) -> None:
    """As by the blocking forms, also where nothing has to be waited for."""

    async def program() -> None:
        with (
            HostVariable("pose") as variable,
            SharedAssign("share", 64, "get") as taker,
            open_channel("wire", CHAN_R, 64) as reader,
            open_channel("wire", CHAN_W) as writer,
        ):
            variable.data = 1
            for operation in (
                variable.wait_async(timeout=timeout),
                variable.updates_async(timeout=timeout).__anext__(),
                taker.get_async(timeout),
                reader.read_bytes_async(1, timeout),
                writer.write_async(b"1", timeout),
            ):
                with pytest.raises(ValueError, match=f"timeout={timeout!r}: give seconds from 0"):
                    await operation
            await sleep(0)

    run(program)

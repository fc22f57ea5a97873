"""Channels, calls and shares in asyncio, uvloop and trio: the same results as without a loop, and nothing lost."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trio

import memlane
from memlane import (
    CHAN_R,
    CHAN_W,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    SharedAssign,
    open_channel,
)
from memlane.channel import ParameterTypeError
from memlane.gathering import Gathering
from tests.loops import ASYNCIO_LOOPS, LOOPS, sleep, together
from tests.peer import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.loops import Run

pytestmark = pytest.mark.usefixtures("what_loops_keep")


# -- channels ------------------------------------------------------------------------------------------------------


@LOOPS
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_stream_between_two_tasks_is_whole(namespace: Path, run: Run, size: int) -> None:
    """Of a channel smaller than most pieces: both tasks sleep again and again."""
    stream = random.Random(size).randbytes(20 * size)
    got = b""

    async def program() -> None:
        with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:

            async def write() -> None:
                for start in range(0, len(stream), size):
                    assert await writer.write_async(stream[start : start + size]) == size

            async def read() -> None:
                nonlocal got
                while len(got) < len(stream):
                    got += await reader.read_bytes_async(size)

            await together(write, read)

    run(program)

    assert got == stream


@LOOPS
def test_bytes_that_are_there_need_no_loop(namespace: Path, run: Run) -> None:
    """No system call, and no trip through the loop."""

    async def program() -> bytes:
        with open_channel("wire", CHAN_R) as reader, open_channel("wire", CHAN_W) as writer:
            assert await writer.write_async(b"here", timeout=0) == 4
            return await reader.read_bytes_async(4, timeout=0)

    assert run(program) == b"here"


@LOOPS
@pytest.mark.parametrize("timeout", [-1, -math.inf, math.nan])
def test_negative_timeout_is_a_value_error(namespace: Path, run: Run, timeout: float) -> None:
    """As without a loop: also where there is nothing to wait for."""
    refused = pytest.raises(ValueError, match=r"timeout=.*: give seconds from 0 \(only look\) up, or None")

    async def program() -> None:
        with open_channel("wire", CHAN_R) as reader, open_channel("wire", CHAN_W) as writer:
            with refused:
                await writer.write_async(b"here", timeout)
            writer.write(b"here")
            with refused:
                await reader.read_bytes_async(4, timeout)
        with HostVariable("pose") as variable:
            variable.data = 1
            with refused:
                await variable.wait_async(timeout=timeout)

    run(program)


@LOOPS
def test_time_without_an_end_may_be_given_as_a_number(namespace: Path, run: Run) -> None:
    """Infinity is how programs say that they have no deadline."""

    async def program() -> bytes:
        with open_channel("wire", CHAN_R) as reader, open_channel("wire", CHAN_W) as writer:
            got = b""

            async def read() -> None:
                nonlocal got
                got = await reader.read_bytes_async(4, math.inf)

            async def write() -> None:
                await sleep(0.01)
                await writer.write_async(b"here", 1e300)

            await together(read, write)
            return got

    assert run(program) == b"here"


@LOOPS
def test_read_in_time_takes_nothing_when_too_little_came(namespace: Path, run: Run) -> None:
    """What came belongs to the next reading."""

    async def program() -> bytes:
        with open_channel("wire", CHAN_R) as reader, open_channel("wire", CHAN_W) as writer:
            writer.write(b"abc")
            with pytest.raises(memlane.Timeout, match="4 bytes to read did not come in time, 3 are there"):
                await reader.read_bytes_async(4, timeout=0.01)
            assert reader.position == 0
            return reader.read_bytes(3)

    assert run(program) == b"abc"


@LOOPS
def test_write_in_time_leaves_nothing_when_there_is_no_room(namespace: Path, run: Run) -> None:
    """What the channel can hold goes in as a whole, or not at all."""

    async def program() -> None:
        with open_channel("wire", CHAN_W, 8) as writer, open_channel("wire", CHAN_R) as reader:
            writer.write(b"12345")
            with pytest.raises(memlane.Timeout, match="room for 4 bytes did not come in time") as raised:
                await writer.write_async(b"6789", timeout=0.01)
            assert (raised.value.written, writer.position) == (0, 5)
            with pytest.raises(memlane.Timeout) as raised:
                await writer.write_async(b"6789abcdef", timeout=0.01)
            assert (raised.value.written, writer.position) == (3, 8)
            assert reader.read_bytes(8) == b"12345678"

    run(program)


@LOOPS
def test_end_of_the_stream_reaches_a_task(namespace: Path, run: Run) -> None:
    """What is left first, then the error."""

    async def program() -> bytes:
        with open_channel("wire", CHAN_R) as reader, open_channel("wire", CHAN_W) as writer:
            writer.write(b"rest")
            rest = b""

            async def read() -> None:
                nonlocal rest
                rest = await reader.read_bytes_async(10)
                with pytest.raises(memlane.OppositeEndClosedError):
                    await reader.read_bytes_async(1)

            async def close() -> None:
                await sleep(0)
                writer.close()

            await together(read, close)
            return rest

    assert run(program) == b"rest"


@LOOPS
def test_tasks_take_turns_at_one_end(namespace: Path, run: Run) -> None:
    """In the order in which they came, each whole, whatever amounts they ask for."""
    order: list[tuple[int, bytes]] = []

    async def program() -> None:
        with open_channel("wire", CHAN_R, 4) as reader, open_channel("wire", CHAN_W) as writer:

            def reading(number: int) -> Callable[[], Any]:
                async def read() -> None:
                    order.append((number, await reader.read_bytes_async(number)))

                return read

            async def write() -> None:
                await writer.write_async(b"122333444455555")

            if trio.lowlevel.in_trio_run():  # which begins tasks in any order
                await together(write, in_order(*(reading(number) for number in (1, 2, 3, 4, 5))))
            else:
                await together(*(reading(number) for number in (1, 2, 3, 4, 5)), write)

    run(program)

    assert order == [(1, b"1"), (2, b"22"), (3, b"333"), (4, b"4444"), (5, b"55555")]


@LOOPS
def test_task_sleeps_while_a_thread_waits_for_more(namespace: Path, run: Run) -> None:
    """And gets the bytes behind those of the thread, whose turn it was."""
    got: list[bytes] = []

    async def program() -> bytes:
        rest = b""

        async def read() -> None:
            nonlocal rest
            rest = await reader.read_bytes_async(10)

        async def write() -> None:
            writer.write(b"a" * 30 + b"b" * 10)

        await together(read, write)
        return rest

    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:
        writer.write(b"a" * 20)
        thread = threading.Thread(target=lambda: got.append(reader.read_bytes(50)))
        thread.start()
        wait_until(lambda: memlane.wait([reader], 0) == [], "the thread sleeps")

        assert run(program) == b"b" * 10

        thread.join()
        assert got == [b"a" * 50]


def in_order(*programs: Callable[[], Any]) -> Callable[[], Any]:
    """Make one program of several."""

    async def all_of_them() -> None:
        for program in programs:
            await program()

    return all_of_them


def test_tasks_write_what_threads_write(namespace: Path) -> None:
    """Any bytes-like object in one piece, and the same refusals."""

    async def write(writer: memlane.Channel, data: Any) -> Any:
        return await writer.write_async(data)

    with open_channel("wire", CHAN_R, 64) as reader, open_channel("wire", CHAN_W) as writer:
        samples: list[Any] = [np.arange(3), np.zeros((3, 0)), np.float64(1), bytearray(b"four"), b""]
        for data in samples:
            size = memoryview(data).nbytes
            assert asyncio.run(write(writer, data)) == size
            assert reader.read_bytes(size) == bytes(memoryview(data))
        for wrong in ("text", 5, None, np.zeros((4, 4))[:, 1]):
            with pytest.raises(ParameterTypeError):
                asyncio.run(write(writer, wrong))


# -- calls ---------------------------------------------------------------------------------------------------------


@LOOPS
def test_hundred_calls_of_tasks_get_their_own_results(namespace: Path, run: Run) -> None:
    """More than the caller has slots: tasks wait for one."""
    results: dict[int, int] = {}

    async def program() -> None:
        with HostFunctionCaller("double", timeout=PATIENCE_SECONDS) as caller:

            def calling(number: int) -> Callable[[], Any]:
                async def call() -> None:
                    results[number] = await caller.call_async(number)

                return call

            await together(*(calling(number) for number in range(100)))

    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("double", lambda number: 2 * number)
        dispatcher.start()
        run(program)

    assert results == {number: 2 * number for number in range(100)}


@LOOPS
def test_response_that_nobody_collects_does_not_keep_a_task_awake(namespace: Path, run: Run) -> None:
    """A task waits for its own response, and not for whatever the caller has."""
    wakes = 0

    async def program() -> Any:
        nonlocal wakes
        with HostFunctionCaller("slow", timeout=PATIENCE_SECONDS) as caller, HostVariable("go") as go:
            left_lying = caller(0)
            assert left_lying.done() or memlane.wait([caller], PATIENCE_SECONDS)

            async def release() -> None:
                nonlocal wakes
                for _ in range(100):
                    await sleep(0)
                wakes = 1
                go.data = True

            answers = []

            async def call() -> None:
                answers.append(await caller.call_async(1))

            await together(call, release)
            return answers, left_lying.result()

    with HostFunctionDispatcher() as dispatcher, HostVariable("go") as gate:

        def serve(number: int) -> int:
            if number == 1:
                gate.wait(timeout=PATIENCE_SECONDS)
            return number

        dispatcher.add("slow", serve)
        dispatcher.start()
        assert run(program) == ([1], 0)
    assert wakes == 1


@LOOPS
def test_keywords_of_any_name_reach_a_function(namespace: Path, run: Run) -> None:
    """Also those by which the methods of the caller name their own arguments."""

    async def program() -> object:
        with HostFunctionCaller("count", timeout=PATIENCE_SECONDS) as caller:
            return await caller.call_async(self=1, arguments=2, keywords=3)

    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("count", lambda **keywords: sum(keywords.values()))
        dispatcher.start()
        assert run(program) == 6


@LOOPS
def test_exception_of_a_function_reaches_the_task(namespace: Path, run: Run) -> None:
    """Also one that means something else to who waits."""

    def fail() -> None:
        raise memlane.Timeout(110, "of the function's own")

    async def program() -> None:
        with HostFunctionCaller("fail", timeout=PATIENCE_SECONDS) as caller:
            refused = pytest.raises(memlane.Timeout, match="of the function's own")
            with refused:
                await caller.call_async()

    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("fail", fail)
        dispatcher.start()
        run(program)


@LOOPS
def test_call_that_nobody_serves_times_out_and_is_taken_back(namespace: Path, run: Run) -> None:
    """The error says that it will never be executed."""

    async def program() -> None:
        with HostFunctionCaller("nobody", timeout=0.01) as caller:
            with pytest.raises(memlane.Timeout, match="nobody serves it; nobody had begun it") as raised:
                await caller.call_async()
            assert not raised.value.maybe_executed
            assert caller.stats().waiting == 0

    run(program)


@LOOPS
def test_coroutine_functions_serve_beside_each_other(namespace: Path, run: Run) -> None:
    """Each waits for the other one: one after the other they would never end."""
    arrived = 0

    async def meet() -> str:
        nonlocal arrived
        arrived += 1
        while arrived < 2:
            await sleep(0)
        return "met"

    def plain(number: int) -> int:
        return number + 1

    results = []

    async def program() -> None:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("meet", timeout=PATIENCE_SECONDS) as caller:
            dispatcher.add("meet", meet)

            async def call() -> None:
                results.append(await caller.call_async())

            async def call_all() -> None:
                await together(call, call)
                dispatcher.add("plain", plain)  # while it serves
                with HostFunctionCaller("plain", timeout=PATIENCE_SECONDS) as other:
                    results.append(await other.call_async(1))
                dispatcher.stop()

            await together(dispatcher.serve_async, call_all)

    run(program)

    assert results == ["met", "met", 2]


@LOOPS
def test_stop_lets_coroutines_come_to_their_end(namespace: Path, run: Run) -> None:
    """What is being executed is answered; the rest waits for another dispatcher."""
    results = []

    async def program() -> None:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("last", timeout=PATIENCE_SECONDS) as caller:

            async def last() -> str:
                dispatcher.stop()
                for _ in range(10):
                    await sleep(0)
                return "answered"

            dispatcher.add("last", last)

            async def call() -> None:
                results.append(await caller.call_async())

            await together(dispatcher.serve_async, call)

    run(program)

    assert results == ["answered"]


@ASYNCIO_LOOPS
def test_cancelled_dispatcher_answers_what_it_had_begun(namespace: Path, run: Run) -> None:
    """No caller may wait for a task that is gone."""

    async def program() -> None:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("hang", timeout=PATIENCE_SECONDS) as caller:
            begun = asyncio.Event()

            async def hang() -> None:
                begun.set()
                await asyncio.Event().wait()

            dispatcher.add("hang", hang)
            serving = asyncio.ensure_future(dispatcher.serve_async())
            call = asyncio.ensure_future(caller.call_async())
            await begun.wait()
            await cancel(serving)
            with pytest.raises(memlane.CallCancelled, match="the server stopped while it executed this call"):
                await call

    run(program)


@ASYNCIO_LOOPS
@pytest.mark.parametrize("other", ["nobody", "a task", "a thread"])
def test_cancelled_dispatcher_is_served_only_where_somebody_else_serves_it(
    namespace: Path, run: Run, other: str
) -> None:
    """Who asked to fail fast must not wait for a task that is gone, and no task ends the service of others."""

    async def program() -> None:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("f", timeout=PATIENCE_SECONDS) as caller:
            dispatcher.add("f", lambda: "served")
            tasks = [asyncio.ensure_future(dispatcher.serve_async()) for _ in range(1 + (other == "a task"))]
            assert await caller.call_async() == "served"
            if other == "a thread":
                dispatcher.start()

            await cancel(tasks.pop())

            assert caller.is_served == (other != "nobody")
            if other == "nobody":
                hasty = HostFunctionCaller("f", timeout=PATIENCE_SECONDS, fail_fast=True)
                with hasty, pytest.raises(memlane.NoServer):
                    await hasty.call_async()
            else:
                assert await caller.call_async() == "served"
            for task in tasks:
                await cancel(task)

    run(program)


async def cancel(task: asyncio.Future[None]) -> None:
    """Cancel a task and see it end."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@ASYNCIO_LOOPS
def test_dispatcher_cancelled_after_its_stop_leaves_no_callback_behind(namespace: Path, run: Run) -> None:
    """Whoever waits for `serve_async` may close what the callbacks use."""

    async def program() -> None:
        with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("hang", timeout=PATIENCE_SECONDS) as caller:
            begun, ended = asyncio.Event(), []

            async def hang() -> None:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append("callback")

            dispatcher.add("hang", hang)
            serving = asyncio.ensure_future(dispatcher.serve_async())
            call = asyncio.ensure_future(caller.call_async())
            await begun.wait()
            dispatcher.stop()
            await asyncio.sleep(0.01)  # until it waits for the callback alone; before, it shows less
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            assert ended == ["callback"]
            with pytest.raises(memlane.CallCancelled):
                await call

    run(program)


@LOOPS
def test_dispatcher_closed_while_its_task_gathers_what_to_wait_for_ends_it(
    namespace: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor that was closed after it was asked for may be another object's already."""
    dispatcher = HostFunctionDispatcher()
    dispatcher.add("length", len)
    closing = threading.Thread(target=dispatcher.close)
    add = Gathering.add

    def add_while_another_thread_closes(gathering: Gathering, descriptor: int) -> None:
        if dispatcher._alarms.here() and not closing.ident:  # the task serves, and has the function's descriptor
            closing.start()
            closing.join(0.1)  # it has to wait for us, so this time passes
        add(gathering, descriptor)

    monkeypatch.setattr(Gathering, "add", add_while_another_thread_closes)

    run(dispatcher.serve_async)

    closing.join()
    assert dispatcher.closed


# -- shares --------------------------------------------------------------------------------------------------------


@LOOPS
def test_each_value_that_is_put_is_taken_by_one_task(namespace: Path, run: Run) -> None:
    """Two tasks with an endpoint each, of which one comes too late each time."""
    rounds = 50
    taken: list[int] = []

    async def program() -> None:
        with (
            SharedAssign("share", 64, "put") as giver,
            SharedAssign("share", 64, "get") as one,
            SharedAssign("share", 64, "get") as other,
        ):

            def taking(share: SharedAssign) -> Callable[[], Any]:
                async def take() -> None:
                    while len(taken) < rounds:
                        try:
                            taken.append(await share.get_async(timeout=0.1))
                        except memlane.Timeout:
                            continue

                return take

            async def give() -> None:
                for number in range(rounds):
                    giver.put(number)
                    while len(taken) <= number:
                        await sleep(0)

            await together(taking(one), taking(other), give)

    run(program)

    assert taken == list(range(rounds))

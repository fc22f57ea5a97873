"""Tasks that wait while their process forks, and when their loop or interpreter ends: no hang, no crash, no warning."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from memlane import (
    CHAN_R,
    CHAN_W,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    OppositeEndDiedError,
    PeerDied,
    SharedAssign,
    open_channel,
)
from tests.children import Child
from tests.loops import ASYNCIO_LOOPS, LOOPS, together
from tests.peer import LONGEST_LIFE_SECONDS, PATIENCE_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.loops import Run

pytestmark = pytest.mark.usefixtures("what_loops_keep")


@ASYNCIO_LOOPS
def test_fork_while_tasks_wait_harms_neither_side(namespace: Path, run: Run) -> None:
    """The child waits by itself; the parent's tasks go on."""

    async def program() -> tuple[Any, Any, Any]:
        with (
            HostVariable("pose", 64) as variable,
            SharedAssign("share", 64, "get") as taker,
            open_channel("wire", CHAN_R, 64) as reader,
        ):
            tasks = [
                asyncio.ensure_future(task)
                for task in (variable.wait_async(), taker.get_async(), reader.read_bytes_async(4))
            ]
            await asyncio.sleep(0)

            def child() -> object:
                with HostVariable("own", 64) as own:
                    own.data = 1
                    return own.wait(timeout=1), variable.wait(newer_than=0) if variable.version else None

            with Child(child) as forked:
                assert forked.answer() == (1, None)
            with SharedAssign("share", 64, "put") as giver, open_channel("wire", CHAN_W) as writer:
                variable.data = "news"
                giver.put("gift")
                writer.write(b"byte")
            return tuple(await asyncio.gather(*tasks))

    assert run(program) == ("news", "gift", b"byte")


# -- a peer that dies --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@LOOPS
@pytest.mark.parametrize("kind", ["call", "read"])
def test_death_of_the_peer_ends_what_waits_for_it(namespace: Path, run: Run, kind: str) -> None:
    """By the verdict on its life alone: nobody rings for the dead (D36). Prints after how long; 600 ms are promised."""

    def serve() -> None:
        with HostFunctionDispatcher() as dispatcher, HostVariable("begun") as mine:

            def hang() -> None:
                mine.data = True
                threading.Event().wait(LONGEST_LIFE_SECONDS)

            dispatcher.add("hang", hang)
            dispatcher.serve_forever()

    def write() -> None:
        with open_channel("wire", CHAN_W), HostVariable("begun") as mine:
            mine.data = True
            threading.Event().wait(LONGEST_LIFE_SECONDS)

    times: list[float] = []

    async def program(begun: HostVariable, child: Child) -> None:
        with HostFunctionCaller("hang") as caller, open_channel("wire", CHAN_R) as reader:

            async def wait() -> None:
                with pytest.raises((PeerDied, OppositeEndDiedError)):
                    await (caller.call_async() if kind == "call" else reader.read_bytes_async(1))
                times.append(time.monotonic())

            async def kill() -> None:
                await begun.wait_async(timeout=PATIENCE_SECONDS)
                times.append(time.monotonic())
                child.kill()

            await together(wait, kill)

    with HostVariable("begun", 64) as begun, Child(serve if kind == "call" else write) as child:
        run(lambda: program(begun, child))

    print(f"{kind} in {run.__name__}: told of the death after {1e3 * (times[1] - times[0]):.0f} ms")


# -- an end ------------------------------------------------------------------------------------------------------------

WAITING = """
import asyncio, sys, threading
import memlane
from {loop} import new_event_loop, run

variable = memlane.HostVariable("pose", 64)
share = memlane.SharedAssign("share", 64, "get")
reader = memlane.open_channel("wire", memlane.CHAN_R)
caller = memlane.HostFunctionCaller("nobody")
dispatcher = memlane.HostFunctionDispatcher()
dispatcher.add("function", len)
served = memlane.HostFunctionCaller("slow")
begun = threading.Event()


async def main():
    executing = asyncio.Event()

    async def execute():
        executing.set()
        await asyncio.sleep(300)

    dispatcher.add("slow", execute)
    tasks = [
        asyncio.ensure_future(operation)
        for operation in (
            variable.wait_async(), share.get_async(), reader.read_bytes_async(1), caller.call_async(),
            served.call_async(), dispatcher.serve_async(),
        )
    ]
    await executing.wait()
    await asyncio.sleep(0.05)
    begun.set()
    {end}
"""


def words_of(program: str) -> tuple[int, list[str]]:
    """Run a program, and return how it ended and what it said of us."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST_LIFE_SECONDS,
    )

    words = [line for line in ended.stderr.splitlines() if "memlane" in line or "Error" in line or "Warning" in line]
    return ended.returncode, words


ENDS = {
    "the loop ends while tasks wait": ("return", "run(main())"),
    "the interpreter ends while a loop in another thread waits": (
        "await asyncio.sleep(300)",
        "threading.Thread(target=lambda: run(main()), daemon=True).start(); begun.wait()",
    ),
    "the loop is closed without its tasks": (
        "return",
        (
            "loop = new_event_loop(); loop.set_exception_handler(lambda *unused: None);"
            " loop.run_until_complete(main()); loop.close()"
        ),
    ),
}


WAITING_IN_TRIO = """
import sys, threading
import trio, trio.testing
import memlane

variable = memlane.HostVariable("pose", 64)
share = memlane.SharedAssign("share", 64, "get")
reader = memlane.open_channel("wire", memlane.CHAN_R)
caller = memlane.HostFunctionCaller("nobody")
dispatcher = memlane.HostFunctionDispatcher()
dispatcher.add("function", len)
shm = memlane.SharedMMap("locked", 64)
begun = threading.Event()


async def main(end):
    async with trio.open_nursery() as nursery, shm.lock().acquire_async():

        async def wait_for_lock():
            async with shm.lock().acquire_async():
                pass

        for operation in (
            variable.wait_async, share.get_async, lambda: reader.read_bytes_async(1), caller.call_async,
            dispatcher.serve_async, wait_for_lock,
        ):
            nursery.start_soon(operation)
        await trio.testing.wait_all_tasks_blocked()
        begun.set()
        if end:
            nursery.cancel_scope.cancel()
"""

ENDS_OF_TRIO = {
    "the loop ends while tasks wait": "trio.run(main, True)",
    "the interpreter ends while a loop in another thread waits": (
        "threading.Thread(target=lambda: trio.run(main, False), daemon=True).start(); begun.wait()"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS_OF_TRIO)
def test_program_of_trio_ends_while_everything_waits(namespace: Path, end: str) -> None:
    """The same, where the loop cancels what waits; locks too."""
    assert words_of(WAITING_IN_TRIO + ENDS_OF_TRIO[end]) == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("end", ENDS)
def test_program_ends_while_everything_waits(namespace: Path, loop: str, end: str) -> None:
    """Without a hang, without a crash, and without a word from us."""
    inside, start = ENDS[end]
    program = WAITING.format(loop=loop, end=inside) + start

    assert words_of(program) == (0, [])

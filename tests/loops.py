"""The event loops that programs use, for tests that run in each of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import trio
import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Program = Callable[[], Coroutine[Any, Any, Any]]
    Run = Callable[[Program], Any]


def run_in_asyncio(program: Program) -> Any:
    """Run a program in the standard library's loop."""
    return asyncio.run(program())


def run_in_uvloop(program: Program) -> Any:
    """Run a program in uvloop."""
    return uvloop.run(program())


def run_in_trio(program: Program) -> Any:
    """Run a program in trio."""
    return trio.run(program)


LOOPS = pytest.mark.parametrize("run", [run_in_asyncio, run_in_uvloop, run_in_trio])
ASYNCIO_LOOPS = pytest.mark.parametrize("run", [run_in_asyncio, run_in_uvloop])


def open_what_loops_keep() -> None:
    """Let each loop open what it keeps for the life of the process, before a test is measured."""

    async def program() -> None:
        return None

    for run in (run_in_asyncio, run_in_uvloop, run_in_trio):
        run(program)


async def sleep(seconds: float) -> None:
    """Let the other tasks run meanwhile; 0: once."""
    if trio.lowlevel.in_trio_run():
        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


async def together(*programs: Program) -> None:
    """Run programs side by side, and end with the last of them."""
    if trio.lowlevel.in_trio_run():
        async with trio.open_nursery() as nursery:
            for program in programs:
                nursery.start_soon(program)
    else:
        await asyncio.gather(*(program() for program in programs))

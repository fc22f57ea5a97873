"""The README's two terminals, as two real processes."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable
from tests.docs import pages
from tests.docs.test_examples import environment
from tests.peer import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(140)

LINES_AT_MOST = 15
BETWEEN = 1_000_000_000  # a tick that no writer of these tests reaches


def terminals() -> tuple[str, str]:
    """Return what is pasted into terminal A and into terminal B."""
    writer, follower = (fence.text for fence in pages.fences("README.md") if fence.language == "bash")
    return writer, follower


@contextmanager
def terminal(text: str) -> Iterator[subprocess.Popen[bytes]]:
    """Paste a text into a shell of its own; all that runs in it is killed at the end."""
    shell = subprocess.Popen(
        ["bash", "-c", text],
        bufsize=0,  # so that what a selector says of the pipe holds for its reader
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield shell
    finally:
        close(shell)


def close(shell: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Send a signal to all that runs in the terminal, and wait for its end."""
    if shell.poll() is None:
        os.killpg(shell.pid, number)
    shell.communicate(timeout=PATIENCE_SECONDS)


def read_line(shell: subprocess.Popen[bytes]) -> str:
    """Return the next line that the terminal shows."""
    assert shell.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(shell.stdout, selectors.EVENT_READ)
        assert selector.select(PATIENCE_SECONDS), "the terminal shows nothing"
    return shell.stdout.readline().decode()


def tick(line: str) -> int:
    """Return the tick of a pose that was printed."""
    return int(line.partition("'tick': ")[2].partition(",")[0])


def test_two_terminals_take_at_most_15_lines() -> None:
    """The first thing a newcomer pastes is short."""
    lines = [line for text in terminals() for line in text.splitlines() if line.strip()]

    assert len(lines) <= LINES_AT_MOST


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_follower_shows_the_poses_of_the_writer() -> None:
    """The README's first example works when it is pasted."""
    write, follow = terminals()

    with terminal(follow) as follower, terminal(write):
        ticks = [tick(read_line(follower)) for _ in range(5)]

    assert ticks == sorted(set(ticks))


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_follower_goes_on_when_the_writer_is_killed_and_started_again() -> None:
    """That is what memlane is for."""
    write, follow = terminals()

    with terminal(follow) as follower:
        with terminal(write) as first:
            read_line(follower)
            close(first, signal.SIGKILL)
        with HostVariable("pose") as pose:
            pose.data = {"tick": BETWEEN, "x": 0.0}
        while tick(read_line(follower)) != BETWEEN:
            pass
        with terminal(write):
            line = read_line(follower)

    assert tick(line) < BETWEEN


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_interrupted_follower_leaves_the_writer_alone() -> None:
    """Ctrl-C in one terminal is nobody else's business."""
    write, follow = terminals()

    with terminal(write) as writer, HostVariable("pose") as pose:
        with terminal(follow) as follower:
            read_line(follower)
            close(follower, signal.SIGINT)
        last = pose.version

        wait_until(lambda: pose.version > last + 1, "the writer writes on")
        assert writer.poll() is None

"""What users of the old library fear: a fast writer that crashes again and again, many readers, one of them stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable
from tests import storm
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from pathlib import Path

READERS = 8
RESTARTS = int(os.environ.get("MEMLANE_TEST_RESTARTS", "500"))
WRITES_PER_SECOND = 10_000
LAST = -1
ACKNOWLEDGEMENT = struct.Struct("<QQ")


def pose_of(number: int) -> tuple[int, tuple[float, ...], str]:
    """Return a small value whose parts belong together."""
    return (number, (float(number),) * 6, f"pose {number}")


def read_to_the_end(link: Link, waits: bool) -> None:  # noqa: FBT001 - messages have no keywords
    """Read each new pose, or a thousand a second, until the last; no read may fail, be torn, or go back in time."""
    with HostVariable("pose") as variable:
        link.send("ready")
        reads = last = 0
        while True:
            if waits:
                value = variable.wait()
            else:
                time.sleep(0.001)  # the reader's own rate; nothing waits for it
                value = variable.data
            if value[0] == LAST:
                break
            assert value == pose_of(value[0]), f"torn: {value}"
            assert value[0] >= last, f"{value[0]} after {last}"
            last = value[0]
            reads += 1
        link.send(reads)


def write_at_a_rate(acknowledgements: int, restart: int) -> None:
    """Go on from the newest value at 10,000 writes a second; acknowledge each committed number by a pipe."""
    with HostVariable("pose") as variable:
        number = variable.data[0]
        os.write(acknowledgements, ACKNOWLEDGEMENT.pack(restart, number))
        start, written = time.monotonic(), 0
        while True:
            number += 1
            variable.data = pose_of(number)
            os.write(acknowledgements, ACKNOWLEDGEMENT.pack(restart, number))
            written += 1
            ahead = start + written / WRITES_PER_SECOND - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)  # the rate is what is asked for; nothing waits for this sleep


def restart_writers(link: Link, restarts: int) -> None:
    """Start and kill the writer so many times; count what a successor did not find."""
    reading_end, writing_end = os.pipe()
    newest = lost = writes = 0
    for restart in range(restarts):
        writer = storm.fork(partial(write_at_a_rate, writing_end, restart))
        found = ACKNOWLEDGEMENT.unpack(os.read(reading_end, ACKNOWLEDGEMENT.size))
        assert found[0] == restart
        # The last write may have been committed without its acknowledgement.
        lost += found[1] not in {newest, newest + 1}
        newest = found[1]
        for _ in range(80 + restart % 40):
            newest = ACKNOWLEDGEMENT.unpack(os.read(reading_end, ACKNOWLEDGEMENT.size))[1]
            writes += 1
        assert storm.kill(writer) == signal.SIGKILL
        os.set_blocking(reading_end, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                newest = ACKNOWLEDGEMENT.unpack(os.read(reading_end, ACKNOWLEDGEMENT.size))[1]
                writes += 1
        os.set_blocking(reading_end, True)
    os.close(reading_end)
    os.close(writing_end)
    link.send((lost, writes))


@pytest.mark.slow
@pytest.mark.timeout(120 + RESTARTS)
def test_no_read_fails_and_no_value_is_lost_while_a_fast_writer_is_killed_again_and_again(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The old library lost slots until nothing worked any more; here every restart finds the newest value."""
    with HostVariable("pose") as variable, contextlib.ExitStack() as stack:
        variable.data = pose_of(0)
        readers = [stack.enter_context(Peer(read_to_the_end, number % 2 == 0)) for number in range(READERS)]
        for reader in readers:
            assert reader.receive() == "ready"
        readers[0].stop()
        begin = time.monotonic()
        restarter = stack.enter_context(Peer(restart_writers, RESTARTS))

        lost, writes = restarter.receive(timeout=100 + RESTARTS)
        seconds = time.monotonic() - begin
        readers[0].resume()
        variable.data = (LAST,)
        reads = [reader.receive() for reader in readers]
        with variable.loan(size=1), contextlib.ExitStack() as loans:
            for _ in range(12):  # with the current one, all fourteen slots
                loans.enter_context(variable.loan(size=1, timeout=5))
            slots_writing = variable.stats().slots_writing

    with capsys.disabled():
        print(
            f"\nrestarts: {RESTARTS}, {writes / seconds:.0f} writes/s with all restarts,"
            f" reads {sum(reads)}, lost {lost}"
        )
    assert lost == 0
    assert slots_writing == 13
    assert min(reads[1:]) > 0  # the first was stopped, perhaps before its first read

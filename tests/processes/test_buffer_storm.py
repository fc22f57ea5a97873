"""Writers, readers and senders of one buffer in several processes: no request is lost, sent twice or seen in part.

The long form, of a million operations and a minute, needs longer watchdogs::

    MEMLANE_STORM_OPERATIONS=1000000 MEMLANE_STORM_SECONDS=60 MEMLANE_PEER_SECONDS=1800 PYTEST_TIMEOUT=1800 \
        pytest -s -o faulthandler_timeout=1900 tests/processes/test_buffer_storm.py
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from memlane.buffer import DeviceBuffer
from memlane.errors import Timeout
from memlane.messaging import Message, MessageType
from tests.peer import PATIENCE_SECONDS, Link, Peer
from tests.unit.test_buffer import parameter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = 8
Motor = DeviceBuffer.make_type("motor", [parameter(f"word{i}", "uint32", i, writeable=True) for i in range(WORDS)])
# Of both writers together.
OPERATIONS = int(os.environ.get("MEMLANE_STORM_OPERATIONS", "30000"))
SECONDS = float(os.environ.get("MEMLANE_STORM_SECONDS", "2"))
READERS = 4


def emit_in_one_step(buffer: DeviceBuffer) -> Iterator[Message]:
    """Take and build as the product does."""
    return buffer.emit_dev_rw()


def emit_in_two_steps(buffer: DeviceBuffer) -> Iterator[Message]:
    """Build the messages and clear the bits apart from each other: the mistake of the old system, on purpose."""
    pending = buffer._values("write")
    params, message = 0, b""
    state = buffer.get_write()
    for index, name in enumerate(pending):
        if name in state:
            params |= 1 << index
            message += int(pending[name]).to_bytes(4, "little")
    if params:
        yield Message(MessageType.DEV_WRITE, params.to_bytes(2, "little") + message)


def values_of(message: Message) -> dict[int, int]:
    """Return what a DEV_WRITE message sets, by id."""
    params, content = message.read_dev_write()
    ids = [index for index in range(WORDS) if params >> index & 1]
    return {index: int.from_bytes(content[4 * at : 4 * at + 4], "little") for at, index in enumerate(ids)}


BURST = 20
# How long the oracle of a loss waits. What is not lost on a loaded machine must come in time.
LOST_SECONDS = 3.0


def write_in_bursts(link: Link, index: int, count: int, patience: float) -> None:
    """Write rising numbers, and after each burst wait until its last one was sent and echoed: the oracle of a loss."""
    name = f"word{index}"
    with Motor.open("motor", create=False) as buffer:
        link.send("open")
        link.receive()
        for number in range(1, count + 1):
            buffer.write(name, number)
            try:
                while number % BURST == 0 and buffer.get(name) != number:
                    buffer.wait([name], timeout=patience)
            except Timeout:
                link.send(f"{name}: {number} was lost")
                return
    link.send(None)


def storm(emit: Any, operations: int, patience: float) -> list[str]:
    """Let two processes write while this one sends, and return what the oracles object to.

    The writers' oracle: the last number of each burst is sent. The sender's: what is sent of one parameter rises, so
    nothing is sent twice, and nothing old after new.
    """
    faults: list[str] = []
    newest: Counter[int] = Counter()
    messages = values = 0
    with (
        Motor.open("motor") as buffer,
        Peer(write_in_bursts, 0, operations // 2, patience) as left,
        Peer(write_in_bursts, 5, operations // 2, patience) as right,
    ):
        peers = (left, right)
        assert [peer.receive() for peer in peers] == ["open", "open"]
        for peer in peers:
            peer.send("go")
        while not all(peer.has_message() for peer in peers):
            for message in emit(buffer):
                messages += 1
                for index, number in values_of(message).items():
                    if number <= newest[index]:
                        faults.append(f"word{index}: {number} was sent after {newest[index]}")
                    newest[index] = number
                    values += 1
                    buffer.set(f"word{index}", number)
        faults += filter(None, [peer.receive() for peer in peers])
    print(
        f"{operations:,} requests of 2 writers: {values:,} values sent in {messages:,} messages, {len(faults)} faults"
    )
    return faults


@pytest.mark.slow
def test_no_request_is_lost_or_sent_twice(namespace: Path) -> None:
    """The old system lost what came between the making of a message and the clearing of its bit."""
    assert storm(emit_in_one_step, OPERATIONS, PATIENCE_SECONDS) == []


@pytest.mark.slow
def test_oracle_notices_the_mistake_of_the_old_system(namespace: Path) -> None:
    """A test that cannot fail shows nothing."""
    assert storm(emit_in_two_steps, 30000, LOST_SECONDS) != []


# -- transactions ------------------------------------------------------------------------------------------------


def read_whole(link: Link) -> None:
    """Read all parameters in one look; they are equal in every state."""
    torn = looks = 0
    has_seen = False
    with Motor.open("motor", create=False) as buffer:
        link.send("open")
        while not link._connection.poll():
            with buffer.transaction(readonly=True):
                seen = {buffer.get(f"word{index}") for index in range(WORDS)}
            torn += len(seen) != 1
            looks += 1
            if not has_seen and 0 not in seen:
                link.send("saw what was written")
                has_seen = True
    link.send((looks, torn))


def write_whole(link: Link) -> None:
    """Set all parameters to one number, again and again, until this process is killed."""
    with Motor.open("motor", create=False) as buffer:
        link.send("open")
        for number in itertools.count(buffer.get("word0") + 1):
            with buffer.transaction():
                for index in range(WORDS):
                    buffer.set(f"word{index}", number % 2**32)


@pytest.mark.slow
def test_no_reader_sees_half_a_transaction_whoever_is_killed(namespace: Path) -> None:
    """Eight values of a motor belong together; its writer may die at any moment."""
    with Motor.open("motor") as buffer, contextlib.ExitStack() as stack:
        readers = [stack.enter_context(Peer(read_whole)) for _ in range(READERS)]
        assert [peer.receive() for peer in readers] == ["open"] * READERS
        kills = 0
        end = time.monotonic() + SECONDS
        while kills == 0 or time.monotonic() < end:
            kill_a_writer(buffer)
            kills += 1
        assert [peer.receive() for peer in readers] == ["saw what was written"] * READERS
        for peer in readers:
            peer.send("end")
        results = [peer.receive() for peer in readers]

    print(f"{sum(looks for looks, _ in results):,} looks of {READERS} readers at {kills} killed writers")
    for reader, (looks, torn) in enumerate(results):
        assert torn == 0, f"reader {reader} saw {torn} halves of transactions in {looks} looks"


def kill_a_writer(buffer: DeviceBuffer) -> None:
    """Start a writer, kill it in the middle of its transactions, and write what it had written last."""
    buffer._note_seen()
    with Peer(write_whole) as writer:
        assert writer.receive() == "open"
        buffer.wait(timeout=PATIENCE_SECONDS)
        writer.signal(signal.SIGKILL)
        writer.join()
    number = buffer.get("word0")
    with buffer.transaction(timeout=PATIENCE_SECONDS):
        for index in range(WORDS):
            assert buffer.get(f"word{index}") == number, f"word{index} is of another transaction than word0"
            buffer.set(f"word{index}", number)


@pytest.mark.slow
def test_stopped_writer_blocks_no_reader(namespace: Path) -> None:
    """It is in a debugger, in the middle of a transaction perhaps."""
    with Motor.open("motor") as buffer, Peer(write_whole) as writer:
        assert writer.receive() == "open"
        for _ in range(20):
            writer.stop()
            assert len(set(buffer._values("update").values())) == 1
            writer.resume()
            buffer.wait(timeout=PATIENCE_SECONDS)

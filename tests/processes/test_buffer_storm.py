"""Writers, readers and senders of one buffer in several processes: no request is lost, sent twice or seen in part."""

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
from tests.peer import Link, Peer
from tests.unit.test_buffer import parameter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = 8
Motor = DeviceBuffer.make_type("motor", [parameter(f"word{i}", "uint32", i, writeable=True) for i in range(WORDS)])
# The long form, of a million operations and a minute: MEMLANE_STORM_OPERATIONS=1000000 MEMLANE_STORM_SECONDS=60.
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
LOST_SECONDS = 3.0


def write_in_bursts(link: Link, index: int, count: int) -> None:
    """Write rising numbers, and after each burst wait until its last one was sent and echoed: the oracle of a loss."""
    name = f"word{index}"
    with Motor.open("motor", create=False) as buffer:
        link.send("open")
        link.receive()
        for number in range(1, count + 1):
            buffer.write(name, number)
            try:
                while number % BURST == 0 and buffer.get(name) != number:
                    buffer.wait([name], timeout=LOST_SECONDS)
            except Timeout:
                link.send(f"{name}: {number} was lost")
                return
    link.send(None)


def storm(emit: Any, operations: int) -> list[str]:
    """Let two processes write while this one sends, and return what the oracles object to.

    The writers' oracle: the last number of each burst is sent. The sender's: what is sent of one parameter rises, so
    nothing is sent twice, and nothing old after new.
    """
    faults: list[str] = []
    newest: Counter[int] = Counter()
    with (
        Motor.open("motor") as buffer,
        Peer(write_in_bursts, 0, operations) as left,
        Peer(write_in_bursts, 5, operations) as right,
    ):
        peers = (left, right)
        assert [peer.receive() for peer in peers] == ["open", "open"]
        for peer in peers:
            peer.send("go")
        while not all(peer.has_message() for peer in peers):
            for message in emit(buffer):
                for index, number in values_of(message).items():
                    if number <= newest[index]:
                        faults.append(f"word{index}: {number} was sent after {newest[index]}")
                    newest[index] = number
                    buffer.set(f"word{index}", number)
        faults += filter(None, [peer.receive() for peer in peers])
    return faults


@pytest.mark.slow
def test_no_request_is_lost_or_sent_twice(namespace: Path) -> None:
    """The old system lost what came between the making of a message and the clearing of its bit."""
    assert storm(emit_in_one_step, OPERATIONS) == []


@pytest.mark.slow
def test_oracle_notices_the_mistake_of_the_old_system(namespace: Path) -> None:
    """A test that cannot fail shows nothing."""
    assert storm(emit_in_two_steps, 30000) != []


# -- transactions ------------------------------------------------------------------------------------------------


def read_whole(link: Link) -> None:
    """Read all parameters in one look; they are equal in every state."""
    torn = looks = 0
    with Motor.open("motor", create=False) as buffer:
        link.send("open")
        while not link._connection.poll():
            with buffer.transaction(readonly=True):
                torn += len({buffer.get(f"word{index}") for index in range(WORDS)}) != 1
            looks += 1
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
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with Peer(write_whole) as writer:
                assert writer.receive() == "open"
                buffer.wait(timeout=30)
                writer.signal(signal.SIGKILL)
                writer.join()
            number = buffer.get("word0")
            with buffer.transaction():
                for index in range(WORDS):
                    buffer.set(f"word{index}", number)
        for peer in readers:
            peer.send("end")
        results = [peer.receive() for peer in readers]

    assert [result for result in results if result[0] == 0 or result[1] != 0] == []
    print(f"{sum(looks for looks, _ in results):,} looks of {READERS} readers")


@pytest.mark.slow
def test_stopped_writer_blocks_no_reader(namespace: Path) -> None:
    """It is in a debugger, in the middle of a transaction perhaps."""
    with Motor.open("motor") as buffer, Peer(write_whole) as writer:
        assert writer.receive() == "open"
        for _ in range(20):
            writer.stop()
            assert len(set(buffer._values("update").values())) == 1
            writer.resume()
            buffer.wait(timeout=30)

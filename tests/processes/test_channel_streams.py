"""Streams between two real processes, of every size that the document's users have."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import zlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from memlane import (
    CHAN_R,
    CHAN_W,
    Channel,
    EndpointBusy,
    OppositeEndClosedError,
    OppositeEndDiedError,
    PeerDied,
    open_channel,
)
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG_STREAM = int(os.environ.get("MEMLANE_TEST_CHANNEL_BYTES", "500_000_000"))
"""500 MB in the usual run; the long form sets 10_000_000_000."""

# What is sent, in writes of how many bytes, in reads of how many, through how many.
STREAMS = {
    "one write of 10,249 through 64": (10_249, 10_249, 10_249, 64),
    "writes of 7, reads of 9, through 64": (10_249, 7, 9, 64),
    "3 x 1,111,111 through 2,048": (3_333_333, 1_111_111, 1_111_111, 2_048),
    "64 through 20": (64, 64, 64, 20),
    "1,024 through 12": (1_024, 1_024, 1_024, 12),
    "1 through 1": (1, 1, 1, 1),
}


def send(link: Link, seed: int, total: int, step: int, capacity: int) -> None:
    """Send random bytes and tell their checksum."""
    content = Random(seed).randbytes(total)
    with open_channel(b"stream", CHAN_W, capacity) as channel:
        link.send("open")
        for start in range(0, total, step):
            channel.write(content[start : start + step])
    link.send(zlib.crc32(content))


@pytest.mark.slow
@pytest.mark.parametrize("sizes", STREAMS.values(), ids=STREAMS.keys())
def test_stream_arrives_as_it_was_sent(namespace: Path, sizes: tuple[int, int, int, int]) -> None:
    """Nothing is lost, doubled or reordered, whatever the sizes of writes, reads and channel."""
    total, written_by, read_by, capacity = sizes
    received = bytearray(total)
    view = memoryview(received)

    with Peer(send, 7, total, written_by, capacity) as sender:
        assert sender.receive() == "open"
        with open_channel(b"stream", CHAN_R) as channel:
            for start in range(0, total, read_by):
                size = min(read_by, total - start)
                assert channel.read(view[start : start + size], size, blocking=True) == size
            with pytest.raises(OppositeEndClosedError):
                channel.read_bytes(1)
        assert zlib.crc32(received) == sender.receive()
        assert sender.join() == 0


def test_callback_gets_a_hundred_frames_through_a_channel_smaller_than_one(namespace: Path) -> None:
    """The document's asynchronous receiver."""
    received: list[bytes] = []

    with Peer(send, 7, 51_200, 512, 77) as sender:
        assert sender.receive() == "open"
        with open_channel(b"stream", CHAN_R) as channel:
            listener = channel.read_async(received.append)
            crc = sender.receive()
            listener._thread.join()

    assert zlib.crc32(b"".join(received)) == crc


def send_long(link: Link, total: int) -> None:
    """Send a block of random bytes again and again, each time rotated, and tell the digest of it all."""
    block = memoryview(Random(1).randbytes(1 << 22) * 2)
    digest = hashlib.blake2b()
    with open_channel("stream", CHAN_W, 1 << 20) as channel:
        link.send("open")
        sent = 0
        while sent < total:
            part = block[sent % 4093 :][: min(1 << 22, total - sent)]
            digest.update(part)
            sent += channel.write(part)
    link.send(digest.hexdigest())


@pytest.mark.slow
@pytest.mark.timeout(120 + LONG_STREAM // 20_000_000)
def test_long_stream_arrives_with_its_digest(namespace: Path) -> None:
    """Cursors of many capacities, at full speed."""
    digest = hashlib.blake2b()

    with Peer(send_long, LONG_STREAM) as sender:
        assert sender.receive() == "open"
        buffer = bytearray(1 << 20)
        view = memoryview(buffer)
        with open_channel("stream", CHAN_R) as channel:
            total = 0
            while size := channel.readinto(buffer):
                digest.update(view[:size])
                total += size
        assert sender.receive(timeout=60) == digest.hexdigest()

    assert total == LONG_STREAM


def test_both_ends_work_in_one_process_across_threads(namespace: Path) -> None:
    """The document says one process may hold both; threads carry the two ends."""
    content = Random(3).randbytes(100_000)
    received: list[bytes] = []

    with open_channel("stream", CHAN_W, 333) as writer, open_channel("stream", CHAN_R) as reader:
        thread = threading.Thread(target=lambda: received.extend(reader))
        thread.start()
        writer.write(content)
        writer.close()
        thread.join()

    assert b"".join(received) == content


def hold(link: Link, mode: int) -> None:
    """Hold an end until told to go."""
    with open_channel("stream", mode, 16) as channel:
        link.send(channel.position)
        link.receive()


@pytest.mark.parametrize("mode", [CHAN_R, CHAN_W])
def test_second_live_owner_of_an_end_is_refused(namespace: Path, mode: int) -> None:
    """Two readers would each lose what the other takes."""
    with Peer(hold, mode) as owner:
        owner.receive()

        with pytest.raises(EndpointBusy, match=f"has a .* already, pid {owner.pid} "):
            open_channel("stream", mode)

        owner.send("go")
        assert owner.join() == 0
    with open_channel("stream", mode):
        pass


def read_then_wait(link: Link) -> None:
    """Read four bytes, say so, and hang with the end in hand."""
    with open_channel("stream", CHAN_R, 16) as channel:
        link.send(channel.read_bytes(4))
        link.receive()


@pytest.mark.parametrize("ends_by", ["close", "death"])
def test_writer_blocked_on_a_full_channel_learns_of_the_readers_end(
    namespace: Path, ends_by: str, record_property: Callable[[str, object], None]
) -> None:
    """A writer must not wait for somebody who is gone; what it wrote is kept for a successor."""
    ended: list[float] = []

    def end(reader: Peer) -> None:
        if ends_by == "close":
            reader.send("go")
        else:
            reader.kill()
        ended.append(time.monotonic())

    with open_channel("stream", CHAN_W, 16) as writer, Peer(read_then_wait) as reader:
        writer.write(b"0123456789abcdef")
        assert reader.receive() == b"0123"
        thread = threading.Thread(target=end, args=(reader,))
        thread.start()

        with pytest.raises(OppositeEndClosedError) as caught:
            writer.write(b"x" * 100)

        record_property("noticed_after_ms", (time.monotonic() - ended[0]) * 1000 if ended else 0)
        thread.join()
        assert caught.value.written == 4
        if ends_by == "death":
            assert isinstance(caught.value, OppositeEndDiedError)
            assert isinstance(caught.value, PeerDied)
        with open_channel("stream", CHAN_R) as successor:
            assert successor.position == 4
            assert successor.read_bytes(16) == b"456789abcdefxxxx"


def write_and_die(link: Link) -> None:
    """Write, say so, and hang with the end in hand."""
    with open_channel("stream", CHAN_W, 16) as channel:
        link.send(channel.write(b"last words"))
        link.receive()


def test_last_bytes_of_a_killed_writer_arrive_before_its_end_is_told(namespace: Path) -> None:
    """What was written was written, whatever became of the writer."""
    with open_channel("stream", CHAN_R, 16) as reader, Peer(write_and_die) as writer:
        assert writer.receive() == 10
        writer.kill()

        assert reader.read_bytes(16) == b"last words"
        with pytest.raises(OppositeEndDiedError, match="the writer died and 0 bytes are left"):
            reader.read_bytes(1)


def run_pair_once(link: Link, mode: int) -> None:
    """Play one side of the document's example."""
    with open_channel(b"pair", mode, 20, persistent=True) as channel:
        if mode == CHAN_W:
            channel.write(bytes(range(100)))
        else:
            link.send(channel.read_bytes(100))


def test_second_run_of_a_pair_on_a_persistent_channel_works_like_the_first(namespace: Path) -> None:
    """The first run's closed ends must not end the second one."""
    for _ in range(2):
        with Peer(run_pair_once, CHAN_R) as reader, Peer(run_pair_once, CHAN_W) as writer:
            assert reader.receive() == bytes(range(100))
            assert (reader.join(), writer.join()) == (0, 0)


def test_forked_child_has_neither_end_and_harms_none(namespace: Path) -> None:
    """Roles stay with the parent; a child opens ends of its own."""
    from tests.children import answer_of_child  # noqa: PLC0415

    with open_channel("stream", CHAN_W, 16) as writer, open_channel("stream", CHAN_R) as reader:

        def use() -> list[str]:
            return [outcome_of(lambda: writer.write(b"x")), outcome_of(lambda: reader.read_bytes(1, timeout=0))]

        assert answer_of_child(use) == ["OwnershipLost", "OwnershipLost"]
        writer.write(b"parent")
        assert reader.read_bytes(6) == b"parent"


def outcome_of(call: Callable[[], object]) -> str:
    """Name what a call raised."""
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 - it is the answer
        return type(error).__name__


def reopen(link: Link, channel: Channel) -> None:
    """Use an end that came as a pickle."""
    link.send(channel.read_bytes(5))


def test_pickled_end_opens_again_in_the_receiving_process(namespace: Path) -> None:
    """Rule 8: endpoints travel by name."""
    with open_channel("stream", CHAN_W, 16) as writer:
        reader = open_channel("stream", CHAN_R)
        writer.write(b"hello")
        reader.close()
        with Peer(reopen, reader) as peer:
            assert peer.receive() == b"hello"

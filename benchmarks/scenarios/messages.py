"""S1, S1b, S2, S2b, S6 in part, S8: messages and bytes from one process to another."""

from __future__ import annotations

import time
import zlib
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from benchmarks.scenarios.rows import Figures, Row

if TYPE_CHECKING:
    from benchmarks.ways import Messages, Over

BATCH = 64
MIB = 1 << 20
PAUSE_SECONDS = 0.001
SMALL_WRITE, SMALL_READ = 7, 9
POLLING = ("unix socket (polling)", "iceoryx2 (polling)")
STREAMS = ("memlane", "os.pipe", "unix socket")


def percentile(found: list[float], share: float) -> float:
    """Return what so many are smaller than."""
    return sorted(found)[min(len(found) - 1, int(len(found) * share))]


def distinct(count: int, size: int) -> list[bytes]:
    """Return messages, no two of which are the same; each process makes the same ones."""
    random = Random(1)  # noqa: S311  (no secret)
    return [random.randbytes(size) for _ in range(count)]


# -- what arrives ---------------------------------------------------------------------------------------------------


def send_distinct(size: int, end: Messages, count: int, _over: Over) -> int:
    """Send messages; return the checksum of all."""
    messages = distinct(count, size)
    for message in messages:
        end.send(message)
    return zlib.crc32(b"".join(messages))


def receive_distinct(size: int, end: Messages, count: int, _over: Over) -> int:
    """Return the checksum of what came."""
    return zlib.crc32(b"".join([end.receive(size) for _ in range(count)]))


def checked(size: int) -> tuple[partial[int], partial[int]]:
    """Return both roles of a check."""
    return partial(send_distinct, size), partial(receive_distinct, size)


# -- there and back -------------------------------------------------------------------------------------------------


def ask(size: int, pause: float, end: Messages, count: int, _over: Over) -> Figures:
    """Send and wait for the answer; compare it, outside of what is timed."""
    messages, found, seconds = distinct(16, size), [], 0.0
    send, receive = end.send, end.receive
    for number in range(count):
        message = messages[number % 16]
        begin = time.perf_counter()
        send(message)
        answer = receive(size)
        found.append(time.perf_counter() - begin)
        if answer != message:
            raise AssertionError("another message came back")
        if pause:
            time.sleep(pause)
    seconds = sum(found) + count * pause
    return {"seconds": seconds, "value": percentile(found, 0.5) * 1e6, "p99": percentile(found, 0.99) * 1e6}


def answer(size: int, end: Messages, count: int, _over: Over) -> None:
    """Send back what comes."""
    send, receive = end.send, end.receive
    for _ in range(count):
        send(receive(size))


# -- one way --------------------------------------------------------------------------------------------------------


def send_all(size: int, end: Messages, count: int, _over: Over) -> None:
    """Send one after another."""
    send, message = end.send, distinct(1, size)[0]
    for _ in range(count):
        send(message)


def receive_all(size: int, end: Messages, count: int, _over: Over) -> Figures:
    """Receive all, which copies each; the clock starts with the first."""
    receive = end.receive
    last = receive(size)
    begin = time.perf_counter()
    for _ in range(count - 1):
        last = receive(size)
    seconds = time.perf_counter() - begin
    if last != distinct(1, size)[0]:
        raise AssertionError("another message came")
    return {"seconds": seconds, "value": (count - 1) / seconds / 1e6}


def send_batches(size: int, end: Messages, count: int, _over: Over) -> None:
    """Send batches of messages, made ready before."""
    assert end.pack is not None and end.send_batch is not None  # noqa: PT018, S101  (the row names who has them)
    batch, send_batch = end.pack(distinct(BATCH, size)), end.send_batch
    for _ in range(count):
        send_batch(batch)


def receive_batches(size: int, end: Messages, count: int, _over: Over) -> Figures:
    """Receive them."""
    assert end.receive_batch is not None  # noqa: S101  (the row names who has it)
    receive_batch = end.receive_batch
    last = receive_batch(BATCH, size)
    begin = time.perf_counter()
    for _ in range(count - 1):
        last = receive_batch(BATCH, size)
    seconds = time.perf_counter() - begin
    if last != b"".join(distinct(BATCH, size)):
        raise AssertionError("another batch came")
    return {"seconds": seconds, "value": (count - 1) * BATCH / seconds / 1e6}


# -- bytes ----------------------------------------------------------------------------------------------------------


def write_blocks(end: Messages, count: int, _over: Over) -> None:
    """Write a mebibyte at a time, all of it."""
    send, block = end.send, memoryview(distinct(1, MIB)[0])
    for _ in range(count):
        written = send(block)  # type: ignore[arg-type]  # bytes-like
        if isinstance(written, int) and written != MIB:
            raise AssertionError("a part was written")


def read_blocks(end: Messages, count: int, _over: Over) -> Figures:
    """Read into one buffer what is there."""
    assert end.fill is not None  # noqa: S101  (the row names who has it)
    fill, view = end.fill, memoryview(bytearray(MIB))
    first = total = fill(view)
    begin = time.perf_counter()
    while total < count * MIB:
        size = fill(view[: count * MIB - total])
        total += size
    seconds = time.perf_counter() - begin
    if view[:size] != memoryview(distinct(1, MIB)[0])[MIB - size :]:
        raise AssertionError("other bytes came")
    return {"seconds": seconds, "value": (total - first) / seconds / 1e9}


def write_small(end: Messages, count: int, _over: Over) -> None:
    """Write seven bytes at a time, nine times for each of the count."""
    send_all(SMALL_WRITE, end, SMALL_READ * count, _over)


def read_small(end: Messages, count: int, _over: Over) -> Figures:
    """Read nine at a time, seven times for each of the count."""
    receive, reads = end.receive, SMALL_WRITE * count
    receive(SMALL_READ)
    begin = time.perf_counter()
    for _ in range(reads - 1):
        receive(SMALL_READ)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "value": SMALL_READ * count / seconds / 1e6}


def one_way(scenario: str, name: str, size: int) -> Row:
    """Return a row of messages one way."""
    roles = partial(send_all, size), partial(receive_all, size)
    return Row(scenario, name, "million/s", "messages", roles, 1, checked(size), more_is_better=True)


ROWS = (
    Row("S1", "64 B there and back", "us", "messages", (partial(ask, 64, 0.0), partial(answer, 64)), 0, checked(64)),
    Row(
        "S1b",
        "64 B there and back, asleep",
        "us",
        "messages",
        (partial(ask, 64, PAUSE_SECONDS), partial(answer, 64)),
        without=POLLING,
    ),
    one_way("S2", "64 B one way, one by one", 64),
    Row(
        "S2",
        "64 B one way, in batches of 64",
        "million/s",
        "messages",
        (partial(send_batches, 64), partial(receive_batches, 64)),
        1,
        only=(*STREAMS, "pyzmq", "faster-fifo"),
        more_is_better=True,
    ),
    one_way("S2b", "1 KiB one way, one by one", 1024),
    Row(
        "S8",
        "1 MiB writes through 64 KiB",
        "GB/s",
        "messages",
        (write_blocks, read_blocks),
        1,
        only=STREAMS,
        more_is_better=True,
    ),
    Row(
        "S8",
        "7-byte writes, 9-byte reads",
        "million writes/s",
        "messages",
        (write_small, read_small),
        1,
        only=STREAMS,
        more_is_better=True,
    ),
)

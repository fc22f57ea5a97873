"""Many at once: 64 readers, 16 writers, large values, stopped peers."""

from __future__ import annotations

import contextlib
import os
import random
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from tests import storm
from tests.children import Child
from tests.peer import Link, Peer, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READERS = 64
WRITERS = 16
VALUE_SIZE = 4_100
LAST = b"last"


def read_numbers_to_the_end(variable: HostVariable) -> int:
    """Read from the second value to the last; every value must be whole and newer than the one before."""
    variable.wait(newer_than=1)  # who reads already takes the processors from those that come
    reads, last = 0, 0
    while True:
        reading = variable.read()
        if reading.value == LAST:
            return reads
        assert not storm.is_torn(reading.value)
        assert reading.version >= last
        last = reading.version
        reads += 1


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_64_readers_read_whole_values_from_a_fast_writer(namespace: Path) -> None:
    """Any number of readers: none waits for another, none sees a mixture."""
    with HostVariable("pose", storm.PATTERN_SIZE + 4_000, slots=8) as variable, contextlib.ExitStack() as stack:
        variable.data = storm.value_of(0)
        readers = [stack.enter_context(Child(lambda: read_numbers_to_the_end(variable))) for _ in range(READERS)]
        wait_until(lambda: variable.stats().live_participants == READERS + 1, "all readers have begun")
        reads = variable.stats().reads

        number = 0
        while number < 500 or variable.stats().reads < reads + 10 * READERS:
            number += 1
            variable.data = storm.value_of(number)
        variable.data = LAST
        counts = [reader.answer() for reader in readers]

        assert len(counts) == READERS
        assert sum(counts) > 0


def signed_value(generator: random.Random, writer: int) -> bytes:
    """Return 4,100 bytes: who wrote them, noise, and the checksum of both."""
    content = bytes([writer]) + generator.randbytes(VALUE_SIZE - 5)
    return content + zlib.crc32(content).to_bytes(4, "little")


def is_signed(value: bytes) -> bool:
    """Say whether the checksum is that of the rest."""
    return len(value) == VALUE_SIZE and zlib.crc32(value[:-4]) == int.from_bytes(value[-4:], "little")


def write_signed(variable: HostVariable, writer: int, writes: int) -> int:
    """Write so many values and check one's neighbours' after each."""
    generator = random.Random(writer)
    values = [signed_value(generator, writer) for _ in range(16)]
    for number in range(writes):
        variable.data = values[number % 16]
        assert is_signed(variable.data)
    return writes


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_16_writers_write_signed_values_and_none_fails_because_of_another(namespace: Path) -> None:
    """Concurrent writers: the write that commits last wins, whole; 4,100 bytes are more than one page."""
    writes = 4_000
    with HostVariable("pose", 8_192, slots=32) as variable, contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(Child(partial(write_signed, variable, writer, writes))) for writer in range(WRITERS)
        ]

        counts = [writer.answer(timeout=120) for writer in writers]
        statistics = variable.stats()

        assert counts == [writes] * WRITERS
        assert is_signed(variable.data)
        assert statistics.writes == WRITERS * writes
        assert statistics.version >= statistics.writes - statistics.superseded
        assert statistics.slots_writing == 0


def write_large(variable: HostVariable, writes: int) -> int:
    """Write images whose every pixel is the number of the image."""
    image = np.empty((1000, 1000))
    for number in range(1, writes + 1):
        image[:] = number
        variable.data = [float(number), image]
    return writes


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_values_of_8_mb_are_whole(namespace: Path) -> None:
    """``[time, 1000x1000 float64]`` in four slots: no slot is reused while it is being read."""
    with HostVariable("image", 8_100_000, slots=4) as variable:
        variable.data = [0.0, np.zeros((1000, 1000))]
        with Child(lambda: write_large(variable, 400)) as writer:
            seen = set()
            while variable.data[0] < 400:
                time, image = variable.data
                assert image.shape == (1000, 1000)
                assert (image == time).all(), f"torn: {time} and {np.unique(image)}"
                seen.add(time)

            assert writer.answer() == 400
            assert seen


def read_when_told(link: Link) -> None:
    """Read once for each message."""
    with HostVariable("pose") as variable:
        while True:
            link.receive()
            link.send(variable.data)


def write_forever(link: Link) -> None:
    """Write until the end of time."""
    with HostVariable("pose") as variable:
        number = 0
        link.send("writing")
        while True:
            number += 1
            variable.data = storm.value_of(number)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_stopped_writers_block_neither_readers_nor_writers(namespace: Path) -> None:
    """SIGSTOP at a random moment, as a debugger does: a stopped peer costs one slot, and nobody waits."""
    generator = random.Random(2)
    with HostVariable("pose", storm.PATTERN_SIZE + 4_000, slots=6) as variable, contextlib.ExitStack() as stack:
        variable.data = storm.value_of(0)
        writers = [stack.enter_context(Peer(write_forever)) for _ in range(3)]
        for writer in writers:
            assert writer.receive() == "writing"

        for _ in range(40):
            for writer in writers:
                stop_somewhere(writer, generator)
            version = variable.version
            for number in range(10):
                variable.data = storm.value_of(number)
                assert not storm.is_torn(variable.data)
            assert variable.version >= version + 10
            for writer in writers:
                writer.resume()


def stop_somewhere(writer: Peer, generator: random.Random) -> None:
    """Stop a writer after a random number of looks at it: the moment is what varies, nothing waits for it."""
    for _ in range(generator.randrange(2_000)):
        os.getpid()
    writer.stop()


@pytest.mark.slow
def test_stopped_reader_costs_nothing(variable: HostVariable) -> None:
    """A reader under a debugger holds no slot and no lock."""
    variable.data = 0
    with Peer(read_when_told) as reader:
        reader.send("read")
        assert reader.receive() == 0
        reader.stop()

        for number in range(1_000):
            variable.data = number
        values: list[Any] = [variable.data]
        reader.resume()
        reader.send("read")
        values.append(reader.receive())

        assert values == [999, 999]


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [storm.value_of(3), np.arange(1000.0), {"a": [1, 2.0, b"3"]}], ids=["tuple", "array", "dict"]
)
def test_fresh_interpreter_reads_what_this_one_wrote(variable: HostVariable, namespace: Path, value: Any) -> None:
    """Nothing of a value depends on the process that wrote it."""
    with HostVariable("other", 100_000) as large, Peer(tell_type_and_text) as reader:
        large.data = value
        reader.send("other")

        assert reader.receive() == describe(value)


def describe(value: Any) -> tuple[str, str]:
    """Return type and text of a value."""
    return type(value).__name__, repr(value)


def tell_type_and_text(link: Link) -> None:
    """Describe the value of the variable that the test names."""
    with HostVariable(link.receive(), create=False) as variable:
        link.send(describe(variable.data))


def race(function: Callable[[], object], times: int) -> list[Any]:
    """Run a function in so many children at once."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(function)) for _ in range(times)]
        return [child.answer() for child in children]


@pytest.mark.slow
def test_processes_that_create_and_unlink_at_once_never_see_half_an_object(namespace: Path) -> None:
    """Hazards 21 to 23: creators race with each other and with those who remove the name."""

    def create_and_unlink() -> int:
        seen = 0
        for number in range(150):
            with HostVariable(f"pose-{number % 3}", 100, slots=3, max_participants=32) as variable:
                seen += variable.get("empty") in {"empty", "whole"}
                variable.data = "whole"
                with contextlib.suppress(memlane.ObjectNotFound):
                    memlane.unlink(variable.name)
        return seen

    assert race(create_and_unlink, 6) == [150] * 6
    assert list(namespace.iterdir()) == []


@pytest.mark.slow
def test_exactly_one_of_many_creators_creates(namespace: Path) -> None:
    """Hazard 22: all others open what the first one made, with its identity."""
    ready, go = os.pipe()

    def create() -> bytes:
        os.read(ready, 1)
        with HostVariable("pose", slots=2) as variable:
            return bytes(variable._properties()["uuid"])

    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(create)) for _ in range(12)]
        os.write(go, b"!" * 12)
        identities = {child.answer() for child in children}
    os.close(ready)
    os.close(go)

    assert len(identities) == 1

"""Programs that run for years: shared counters of objects in use are set to just below their limits, and pass them."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

import memlane
from memlane import (
    Channel,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    RWSharedMMap,
    SharedAssign,
    inspect,
)
from memlane.buffer import Buffer, Parameter
from memlane.channel import CHAN_R, CHAN_W
from tests.peer import Link, Peer, wait_until
from tests.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

STEPS = 6
GREATEST_VERSION = 2**48 - 1
GENERATIONS = 2**17
PATIENCE = 30.0
Record = Buffer.make_type("record", [Parameter("pos", Parameter.parse_ctype("double"), 0)])


def set_versions(segment: Segment, version: int) -> None:
    """Give the newest value another version, as if so many had been written."""
    slot = segment.word(segment.register) & 0xFFFF
    control = segment.slots + 64 * slot
    segment.set_word(segment.register, version << 16 | slot)
    segment.set_word(control, version << 16 | segment.word(control) & 0xFFFF)


def versions_from(version: int) -> list[int]:
    """Return the versions that follow: 0 says that nothing was ever written, and is passed over."""
    return [(version + step) % GREATEST_VERSION + 1 for step in range(STEPS)]


def set_half_word(segment: Segment, offset: int, value: int) -> None:
    """Change a word of four bytes."""
    segment.write(offset, value.to_bytes(4, "little"))


def await_values(link: Link, how: str) -> None:
    """Wait for one value after the other in one of the ways there are; tell each, and its version."""
    with HostVariable("pose") as variable:
        waits: dict[str, Callable[[], Any]] = {
            "wait": lambda: variable.wait(timeout=PATIENCE),
            "updates": lambda: next(variable.updates(PATIENCE)),
            "task": lambda: asyncio.run(variable.wait_async(timeout=PATIENCE)),
        }
        variable.read()
        link.send("ready")
        for _ in range(STEPS):
            value = waits[how]()
            link.send((value, variable.read().version))


@pytest.mark.parametrize("how", ["wait", "updates", "task"])
def test_variable_is_waited_for_while_its_version_goes_round(variable: HostVariable, namespace: Path, how: str) -> None:
    """A robot that writes ten million times a second comes to this within a year; its readers must not fall asleep."""
    variable.data = "first"
    segment = Segment(namespace / "pose")
    set_versions(segment, GREATEST_VERSION - 3)
    set_half_word(segment, segment.register + 64, 2**32 - 4)

    with Peer(await_values, how) as reader:
        assert reader.receive() == "ready"
        for number, version in enumerate(versions_from(GREATEST_VERSION - 3)):
            variable.data = number
            assert reader.receive() == (number, version)
    assert variable.stats().skipped == 0


def test_loan_that_was_made_before_the_version_went_round_is_published_after_it(
    variable: HostVariable, namespace: Path
) -> None:
    """Its version is raised above the newest, which is a lower number."""
    variable.data = "first"
    set_versions(Segment(namespace / "pose"), GREATEST_VERSION - 1)

    with variable.loan(size=4) as bytes_:
        bytes_[:] = b"loan"
        for number in range(3):
            variable.data = number
        assert variable.version == 2

    assert (variable.data, variable.version) == (b"loan", 3)


def test_slots_that_were_claimed_and_dropped_at_the_limit_are_used_again(
    variable: HostVariable, namespace: Path
) -> None:
    """A claim raises the version of its slot also where nothing is published."""
    variable.data = "first"
    set_versions(Segment(namespace / "pose"), GREATEST_VERSION)

    for _ in range(20):
        with pytest.raises(KeyError), variable.loan(size=1):
            raise KeyError
    variable.data = "second"

    assert variable.wait(timeout=0) == "second"
    assert 1 <= variable.version <= 21


@pytest.mark.parametrize("number", [2**48, 2**63, 2**64 - 1])
def test_task_that_waits_beyond_all_versions_sleeps_until_its_time_is_over(variable: HostVariable, number: int) -> None:
    """None is newer, and the last number of 64 bits is one as any: an endpoint that looks ready starves its loop."""
    variable.data = "there"

    with pytest.raises(memlane.Timeout, match=f"no version newer than {number} was written in time"):
        asyncio.run(variable.wait_async(number, timeout=0.05))


def test_task_goes_on_at_the_first_write_of_a_round_though_another_waits_beyond_it(
    variable: HostVariable, namespace: Path
) -> None:
    """The endpoint looks out for what comes after the older version, which is the greater number."""
    variable.data = "first"
    set_versions(Segment(namespace / "pose"), GREATEST_VERSION)

    async def wait_for_both() -> None:
        beyond_last = asyncio.ensure_future(variable.wait_async(GREATEST_VERSION, timeout=PATIENCE))
        beyond_first = asyncio.ensure_future(variable.wait_async(1, timeout=PATIENCE))
        await asyncio.sleep(0)
        variable.data = "second"
        assert memlane.wait([variable], timeout=0) == [variable]
        assert await beyond_last == "second"
        assert not beyond_first.done()
        variable.data = "third"
        assert await beyond_first == "third"

    asyncio.run(wait_for_both())


def take_values(link: Link) -> None:
    """Take one value after the other."""
    with SharedAssign("cloud", mode="get") as taker:
        link.send("ready")
        for _ in range(STEPS):
            reading = taker.read(PATIENCE)
            link.send((reading.value, reading.version))


def test_share_is_handed_over_while_its_version_goes_round(namespace: Path) -> None:
    """What is taken is below what waits, though it is the greater number."""
    with SharedAssign("cloud", mode="put") as giver, SharedAssign("cloud", mode="get") as first:
        giver.put("first")
        first.get(timeout=0)
        segment = Segment(namespace / "cloud")
        set_versions(segment, GREATEST_VERSION - 3)
        segment.set_word(segment.values + segment["slots"] * segment["stride"], GREATEST_VERSION - 3)

        with Peer(take_values) as taker:
            assert taker.receive() == "ready"
            for number, version in enumerate(versions_from(GREATEST_VERSION - 3)):
                giver.put(number)
                assert taker.receive() == (number, version)
        assert "was taken" in repr(giver)
        giver.put("waits")
        assert "waits" in repr(giver)
        assert inspect.look("cloud").untaken


def test_share_that_nobody_takes_from_is_put_to_for_a_whole_round(namespace: Path) -> None:
    """Its versions come round to what was taken last: what waits must not look taken by then, nor damaged."""
    with SharedAssign("cloud", mode="put") as giver, SharedAssign("cloud", mode="get") as taker:
        giver.put("first")
        taker.get(timeout=0)

        for version in (2**46, 2**47, 2**47 + 2**46, 2**48 - 2**39, GREATEST_VERSION):
            giver.put("passed over")
            set_versions(Segment(namespace / "cloud"), version)
            giver.put(version)
            assert inspect.look("cloud").untaken

        assert taker.read(timeout=0)[:2] == (GREATEST_VERSION, 1)
        assert taker.stats().taken == 1


def await_positions(link: Link) -> None:
    """Wait for one change after the other."""
    with Record.open("robot", create=False) as buffer:
        changes = buffer.changes(timeout=PATIENCE)
        link.send("ready")
        for _ in range(STEPS):
            link.send(next(changes)["pos"])


def test_buffer_is_waited_for_while_its_version_and_its_counts_go_round(namespace: Path) -> None:
    """The counts of a parameter have 32 bits, and are compared for being different."""
    with Record.open("robot") as buffer:
        buffer.valid = True
        buffer.set("pos", 0.5)
        segment = Segment(namespace / "robot")
        set_versions(segment, GREATEST_VERSION - 2)
        slot = segment.word(segment.register) & 0xFFFF
        set_half_word(segment, segment.values + slot * segment["stride"] + 48, 2**32 - 2)

        with Peer(await_positions) as reader:
            assert reader.receive() == "ready"
            for number in range(STEPS):
                buffer.set("pos", float(number))
                assert reader.receive() == number


def own_and_hang(link: Link) -> None:
    """Make a buffer valid, and keep it so."""
    with Record.open("robot") as buffer:
        buffer.valid = True
        link.send("valid")
        link.receive()


def test_buffer_of_a_dead_owner_stays_invalid_when_its_tag_would_come_round(namespace: Path) -> None:
    """Its record keeps the tag; after 131,072 openings, a few seconds of a busy machine, one would get the same."""
    with Peer(own_and_hang) as owner:
        assert owner.receive() == "valid"
        owner.kill()
    segment = Segment(namespace / "robot")
    generation = segment["participants_offset"]

    for before in (0, 1):  # the last generation before it, or itself
        set_half_word(segment, generation, (1 - 1 - before) % GENERATIONS)
        with Record.open("robot", create=False) as first, Record.open("robot", create=False) as second:
            assert (first.valid, second.valid) == (False, False)
            assert segment.word(generation) & 0xFFFFFFFF == (2 if before == 0 else 0)


def test_endpoints_are_opened_while_the_generation_goes_round(variable: HostVariable, namespace: Path) -> None:
    """Each opening of the second place raises it."""
    variable.data = b"there"
    segment = Segment(namespace / "pose")
    generation = segment["participants_offset"] + 64
    set_half_word(segment, generation, GENERATIONS - 3)

    found = []
    for _ in range(STEPS):
        with HostVariable("pose") as other, other.view():
            assert other.data == b"there"
            found.append(segment.word(generation) & 0xFFFFFFFF)

    assert found == [(GENERATIONS - 2 + step) % GENERATIONS for step in range(STEPS)]


def read_stream(link: Link) -> None:
    """Read ten bytes at a time, and tell them and the position then."""
    with Channel("stream", CHAN_R) as reader:
        link.send("ready")
        buffer = bytearray(10)
        for _ in range(STEPS):
            assert reader.read(buffer, 10, blocking=True, timeout=PATIENCE) == 10
            link.send((bytes(buffer), reader.position))


def place_stream(namespace: Path, capacity: int, position: int) -> Segment:
    """Make a channel through which so many bytes went."""
    Channel("stream", CHAN_W, capacity, persistent=True).close()
    segment = Segment(namespace / "stream")
    segment.set_word(segment["body_offset"], position)
    segment.set_word(segment["body_offset"] + 64, position)
    return segment


@pytest.mark.parametrize(("capacity", "limit"), [(100, 2**63), (64, 2**64)])
def test_stream_goes_on_beyond_the_greatest_position(namespace: Path, capacity: int, limit: int) -> None:
    """Bytes are counted modulo 2^64, and no number on the way is a negative one."""
    place_stream(namespace, capacity, limit - 25)

    with Channel("stream", CHAN_W) as writer, Peer(read_stream) as reader:
        assert reader.receive() == "ready"
        for number in range(STEPS):
            position = (limit - 25 + 10 * (number + 1)) % 2**64
            content = bytes([number]) * 10
            assert writer.write(content, timeout=PATIENCE) == 10
            assert reader.receive() == (content, position)
            assert writer.position == position
        assert writer.stats().filled == 0
    with Channel("stream", CHAN_W) as writer, Channel("stream", CHAN_R) as successor:
        writer.write(b"0123456789", timeout=0)
        found = bytearray(10)
        successor.read(found, 10)
        assert found == b"0123456789"
    memlane.unlink("stream")


def test_end_is_known_to_have_been_claimed_when_its_epoch_goes_round(namespace: Path) -> None:
    """A word of 0 would say that there never was a writer, and a reader would wait for the first."""
    segment = place_stream(namespace, 100, 0)
    writers_end = segment["body_offset"] + 128 + 8
    segment.set_word(writers_end, (2**32 - 1) << 32)

    Channel("stream", CHAN_W).close()

    assert segment.word(writers_end) == 1 << 32
    with Channel("stream", CHAN_R) as reader:
        assert reader.status().WC
    memlane.unlink("stream")


def add(link: Link) -> None:
    """Serve an addition."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("sum", operator.add)
        dispatcher.start()
        link.send("ready")
        link.receive()


def test_calls_go_on_while_their_sequences_go_round(namespace: Path) -> None:
    """Each slot counts its calls in 32 bits: at a million a second, 71 minutes."""
    with Peer(add) as server, HostFunctionCaller("sum", timeout=PATIENCE) as caller:
        assert server.receive() == "ready"
        assert caller(1, 2).result() == 3
        segment = Segment(namespace / "sum")
        control = segment["body_offset"]
        lanes, slots = segment["slots"], segment["capacity"]  # the first words of any geometry
        lane = control + 128 + (4 * segment["participants_count"] + 63) // 64 * 64
        segment.set_word(control, 2**64 - 2)
        set_half_word(segment, control + 8, 2**32 - 2 | segment.word(control + 8) & 1)
        segment.set_word(lane + 8, 2**64 - 2)
        for slot in range(slots):
            state = lane + 64 * lanes + 64 * slot
            wait_until(lambda: segment.word(state) >> 28 & 0xF in {0, 3}, "the call is over")  # noqa: B023
            segment.set_word(state, (2**32 - 2) << 32 | segment.word(state) & 0xFFFFFFFF)

        assert [caller(number, 1).result() for number in range(4 * slots)] == [
            number + 1 for number in range(4 * slots)
        ]
        server.send("end")


def count_up(link: Link) -> None:
    """Write under the lock, again and again."""
    with RWSharedMMap("map", 4096) as map_:
        for _ in range(500):
            with map_.lock_write(PATIENCE):
                map_[:4] = (int.from_bytes(map_[:4], "little") + 1).to_bytes(4, "little")
        link.send("done")


def test_lock_excludes_while_its_count_goes_round(namespace: Path) -> None:
    """The count is what tells one acquisition from the next, and 0 is one as any."""
    with RWSharedMMap("map", 4096) as map_:
        segment = Segment(namespace / "map")
        segment.set_word(segment["body_offset"], (2**32 - 300) << 32)
        with Peer(count_up) as first, Peer(count_up) as second:
            assert (first.receive(), second.receive()) == ("done", "done")

        with map_.lock_read(PATIENCE):
            assert int.from_bytes(map_[:4], "little") == 1000
        assert segment.word(segment["body_offset"]) >> 32 == 700


def hold_and_die(link: Link) -> None:
    """Die as the last of 2^32 acquisitions."""
    with RWSharedMMap("map", 4096) as map_, map_.lock_write(PATIENCE):
        os.kill(os.getpid(), signal.SIGKILL)


def test_lock_of_who_died_at_the_greatest_count_is_taken_back(namespace: Path) -> None:
    """Cleaning counts too."""
    with RWSharedMMap("map", 4096) as map_:
        segment = Segment(namespace / "map")
        segment.set_word(segment["body_offset"], (2**32 - 2) << 32)
        with Peer(hold_and_die) as holder:
            holder.join()

        with map_.lock_write(PATIENCE) as lock:
            assert lock.recovered
        assert segment.word(segment["body_offset"]) >> 32 <= 1


def test_statistics_go_round(variable: HostVariable, namespace: Path) -> None:
    """Sums over all participants are taken modulo 2^64 as the counts are."""
    segment = Segment(namespace / "pose")
    line = segment["participants_offset"] + 64 * segment["participants_count"]
    segment.set_word(line, 2**64 - 2)

    counts = []
    for number in range(4):
        counts.append(variable.stats().writes)
        variable.data = number

    assert counts == [2**64 - 2, 2**64 - 1, 0, 1]

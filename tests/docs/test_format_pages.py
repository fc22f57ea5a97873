"""A reader that knows only the format pages understands real segments."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memlane import (
    CHAN_R,
    CHAN_W,
    HostFunctionCaller,
    HostVariable,
    RWSharedMMap,
    SharedAssign,
    VariableStatistics,
    open_channel,
)
from memlane.codec import plain
from tests.docs import dump, pages
from tests.docs.dump import CHANNEL, REGISTER, SEGMENT, SHARE

PAGE = 4096
MAP = "docs/format/map.md"
FUNCTION = "docs/format/function.md"
TABLES = {
    (SEGMENT, "## Header"): ("memlane_header", 4096),
    (SEGMENT, "## Participant"): ("memlane_participant_entry", 64),
    (SEGMENT, "## Statistics line"): ("memlane_statistics_line", 64),
    (REGISTER, "## Control"): ("memlane_register_control", 128),
    (REGISTER, "## Pin row"): ("memlane_pin_row", 64),
    (REGISTER, "## Slot"): ("memlane_slot", 64),
    (MAP, "## Control"): ("memlane_rwlock_control", 128),
    (MAP, "## Flag"): ("memlane_rwlock_flag", 64),
    (CHANNEL, "## Control"): ("memlane_ring_control", 192),
    (SHARE, "## Mark"): ("memlane_share_control", 64),
    (FUNCTION, "## Control"): ("memlane_function_control", 128),
    (FUNCTION, "## Server"): ("memlane_server_word", 4),
    (FUNCTION, "## Lane"): ("memlane_lane", 64),
    (FUNCTION, "## Call slot"): ("memlane_call_slot", 64),
}
F_OFD_GETLK = 36  # Python 3.10 to 3.13 do not name it
FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid
LOCK_BASE = 1 << 40


class Document:
    """A file, read as the pages say and in no other way."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def record(self, page: str, heading: str, at: int) -> dict[str, Any]:
        """Read the fields of a table: integers of 2, 4 and 8 bytes, and bytes."""
        fields = {}
        for row in pages.table(page, heading):
            start, size = at + int(row["Offset"]), int(row["Size"])
            raw = self.content[start : start + size]
            code = {2: "<H", 4: "<I", 8: "<Q"}.get(size)
            fields[row["Field"]] = struct.unpack(code, raw)[0] if code else raw
        return fields

    @property
    def header(self) -> dict[str, Any]:
        """Return the header."""
        return self.record(SEGMENT, "## Header", 0)

    @property
    def geometry(self) -> dict[str, int]:
        """Return the register's geometry."""
        words = struct.unpack("<16Q", self.header["geometry"])
        return {row["Field"]: words[int(row["Word"])] for row in pages.table(REGISTER, "## Geometry")}

    def participant(self, index: int) -> dict[str, Any]:
        """Return one participant's entry."""
        return self.record(SEGMENT, "## Participant", self.header["participants_offset"] + 64 * index)

    def counters(self, index: int) -> dict[str, int]:
        """Return one index's statistics."""
        start = self.header["participants_offset"] + 64 * self.header["participants_count"]
        return self.record(SEGMENT, "## Statistics line", start + 64 * index)

    @property
    def control(self) -> dict[str, Any]:
        """Return the register's control words."""
        return self.record(REGISTER, "## Control", self.header["body_offset"])

    def pins(self, index: int) -> tuple[int, ...]:
        """Return the pins of one index."""
        row = self.record(REGISTER, "## Pin row", self.header["body_offset"] + 128 + 64 * index)
        return struct.unpack("<4Q", row["pin"])

    @property
    def slots_at(self) -> int:
        """Return where the slots' words begin."""
        header = self.header
        return int(header["body_offset"] + 128 + 64 * header["participants_count"])

    def slot(self, number: int) -> dict[str, Any]:
        """Return one slot's words."""
        return self.record(REGISTER, "## Slot", self.slots_at + 64 * number)

    @property
    def data_at(self) -> int:
        """Return where the slots' bytes begin."""
        return up_to_pages(self.slots_at + 64 * self.geometry["slots"])

    def value(self) -> bytes:
        """Return the bytes of the latest value."""
        number = self.control["latest"] & 0xFFFF
        start = self.data_at + self.geometry["stride"] * number
        return self.content[start : start + (self.slot(number)["length_type"] & (1 << 40) - 1)]


def up_to_pages(size: int) -> int:
    """Round up to whole pages."""
    return -(-size // PAGE) * PAGE


def crc32c(content: bytes) -> int:
    """Compute the checksum as the page describes it."""
    reflected = int(f"{0x1EDC6F41:032b}"[::-1], 2)
    total = 0xFFFFFFFF
    for byte in content:
        total ^= byte
        for _ in range(8):
            total = total >> 1 ^ (reflected if total & 1 else 0)
    return total ^ 0xFFFFFFFF


def read(namespace: Path, name: str) -> Document:
    """Read an object's file whole."""
    return Document((namespace / name).read_bytes())


@pytest.mark.parametrize(("page", "heading"), TABLES)
def test_table_covers_its_record_without_gap_or_overlap(page: str, heading: str) -> None:
    """A byte that no row describes is a byte that somebody guesses."""
    end = 0
    for row in pages.table(page, heading):
        assert (row["Field"], int(row["Offset"])) == (row["Field"], end)
        end += int(row["Size"])

    assert end == TABLES[page, heading][1]


@pytest.mark.parametrize(("page", "heading"), TABLES)
def test_offsets_of_the_table_are_those_that_the_core_asserts(page: str, heading: str) -> None:
    """The compiler holds the core to its layout, this test holds the page to the compiler's words."""
    layout = (pages.CORE / "src" / "layout.h").read_text()
    documented = {row["Field"]: int(row["Offset"]) for row in pages.table(page, heading)}

    asserted = re.findall(rf"MEMLANE_ASSERT_OFFSET\({TABLES[page, heading][0]}, (\w+), (\d+)\)", layout)

    assert {field: documented.get(field) for field, _ in asserted} == {field: int(at) for field, at in asserted}


@pytest.mark.parametrize("page", [SEGMENT, REGISTER, CHANNEL, SHARE])
def test_dumps_on_the_page_are_those_of_a_real_segment(page: str, namespace: Path) -> None:
    """An example that does not match the tables teaches the wrong format."""
    shown = [fence.text for fence in pages.fences(page) if fence.text.startswith("0000")]
    parts = re.findall(r"tests\.docs\.dump (\w+)", pages.prose(page))

    made = [dump.dump(part, namespace / part) for part in parts]

    assert shown == made


def test_header_identifies_the_object(namespace: Path) -> None:
    """Tools find out what a file is without the library."""
    with HostVariable("pose", persistent=False) as pose:
        header = read(namespace, "pose").header

        assert struct.pack("<Q", header["magic"]) == b"memlane\0"
        assert (header["endian"], header["layout_major"], header["layout_minor"]) == (0x01020304, 1, 0)
        assert (header["kind"], header["flags"], header["incompatible"]) == (1, 1, 0)
        assert header["name"].rstrip(b"\0") == b"pose"
        assert header["uuid"] == pose._properties()["uuid"]
        assert header["creator_user"] == os.geteuid()


def test_header_places_the_parts_as_the_page_computes_them(namespace: Path) -> None:
    """Whoever maps the file has to find the body."""
    with HostVariable("scan", 100_000, slots=5, max_participants=70):
        document = read(namespace, "scan")

    header, geometry = document.header, document.geometry
    assert geometry == {"slots": 5, "capacity": 100_000, "stride": 100_032, "encoding": 5}
    assert header["participants_offset"] == PAGE + up_to_pages(header["schema_length"])
    assert header["body_offset"] == up_to_pages(header["participants_offset"] + 128 * 70)
    assert header["total_size"] == up_to_pages(document.data_at + 5 * geometry["stride"])
    assert header["total_size"] == len(document.content)


def test_header_checksum_is_the_one_that_the_page_describes(namespace: Path) -> None:
    """Another implementation has to come to the same sum."""
    with HostVariable("pose"):
        document = read(namespace, "pose")

    assert crc32c(b"123456789") == 0xE3069283  # the check value of the polynomial's catalogues
    assert document.header["checksum"] == crc32c(document.content[:4088])
    assert document.header["schema_checksum"] == crc32c(b"")


def test_participant_says_who_has_the_object_open(namespace: Path) -> None:
    """Tools name the processes that use an object."""
    with HostVariable("pose"), HostVariable("pose"):
        document = read(namespace, "pose")
    after = read(namespace, "pose")

    for index in (0, 1):
        entry = document.participant(index)
        assert (entry["generation"], entry["pid"]) == (1, os.getpid())
        assert entry["start_time"] == int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        assert entry["pid_namespace"] == os.stat("/proc/self/ns/pid").st_ino
        assert entry["label"].rstrip(b"\0") == Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    assert document.participant(2)["generation"] == 0
    assert after.participant(0)["pid"] == 0


def test_mark_of_a_share_is_behind_its_slots_and_rises_with_each_get(namespace: Path) -> None:
    """Who reads the file knows what waits."""
    with SharedAssign("pose", 1000, "put", slots=3) as giver, SharedAssign("pose", 1000, "get") as taker:
        marks = []
        for number in range(3):
            giver.put(number)
            taker.get()
            document = read(namespace, "pose")
            behind = document.data_at + 3 * document.geometry["stride"]
            marks.append((document.record(SHARE, "## Mark", behind)["taken"], document.control["latest"] >> 16))
        giver.put(3)
        document = read(namespace, "pose")

    assert marks == [(1, 1), (2, 2), (3, 3)]
    assert document.header["kind"] == 5
    assert document.geometry["capacity"] == 1000 + 4096
    assert document.record(SHARE, "## Mark", behind)["taken"] < document.control["latest"] >> 16
    assert document.header["total_size"] == up_to_pages(behind + 64)


def test_byte_of_a_live_participant_is_locked(namespace: Path) -> None:
    """That lock is how everybody knows who lives."""
    with HostVariable("pose"), (namespace / "pose").open("rb+") as file:

        def is_locked(index: int) -> bool:
            query = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LOCK_BASE + index, 1, 0)
            kind, *_ = struct.unpack(FLOCK, fcntl.fcntl(file, F_OFD_GETLK, query))
            return bool(kind != fcntl.F_UNLCK)

        assert (is_locked(0), is_locked(1)) == (True, False)


def test_statistics_lines_add_up_to_what_stats_says(namespace: Path) -> None:
    """A monitor reads the file and needs no cooperation."""
    with HostVariable("pose") as writer, HostVariable("pose") as reader:
        for number in range(3):
            writer.data = number
        assert reader.data == 2
        stats = reader.stats()
        document = read(namespace, "pose")

    lines = [document.counters(index) for index in range(document.header["participants_count"])]
    sums = {field: sum(line[field] for line in lines) for field in lines[0]}
    assert sums == {field: getattr(stats, field) for field in sums}
    assert (sums["writes"], sums["reads"]) == (3, 1)
    assert list(sums) == list(VariableStatistics._fields)[: len(sums)]


def test_latest_value_is_found_by_the_words_of_the_page(namespace: Path) -> None:
    """A reader in another language needs these words and no more."""
    with HostVariable("text", 6000, slots=3) as variable:
        for number in range(4):
            variable.data = f"value {number}"
        document = read(namespace, "text")

    latest = document.control["latest"]
    slot = document.slot(latest & 0xFFFF)
    assert latest >> 16 == 4
    assert (slot["control"] >> 16, slot["control"] >> 2 & 0x3FFF, slot["control"] & 3) == (4, 0, 1)
    assert slot["length_type"] >> 40 == 1
    assert slot["sequence"] == 4
    assert document.value() == b"\x87value 3"
    assert abs(slot["real_ns"] - slot["monotonic_ns"] - wall_offset()) < 10**9


def wall_offset() -> int:
    """Return how far the wall clock is ahead of the monotonic one."""
    return time.time_ns() - time.monotonic_ns()


def test_loan_shows_its_owner_in_the_slot(namespace: Path) -> None:
    """Who holds a slot can be read from the file."""
    with HostVariable("frame", 4096, slots=3) as variable, variable.loan(size=10):
        document = read(namespace, "frame")

    states = [document.slot(number)["control"] & 3 for number in range(3)]
    owners = [document.slot(number)["control"] >> 2 & 0x3FFF for number in range(3)]
    assert sorted(states) == [0, 0, 2]
    assert owners[states.index(2)] == 1


def test_view_shows_as_a_pin_of_its_index(namespace: Path) -> None:
    """Pins are what keeps a slot, so they are what a tool has to show."""
    with HostVariable("frame", 8192, slots=3), HostVariable("frame") as viewer:
        viewer.data = np.zeros(100)
        view = viewer.view()
        document = read(namespace, "frame")
        del view
        after = read(namespace, "frame")

    assert document.pins(1) == (document.control["latest"], 0, 0, 0)
    assert document.pins(0) == (0, 0, 0, 0)
    assert document.control["pins_used"] == 2
    assert after.pins(1) == (0, 0, 0, 0)


def test_states_of_the_page_are_those_of_the_core() -> None:
    """A state with another number would be read as another state."""
    layout = (pages.CORE / "src" / "layout.h").read_text()
    documented = {row["Name"]: row["State"] for row in pages.table(REGISTER, "### States")}

    assert documented == dict(re.findall(r"MEMLANE_SLOT_([A-Z]+) = (\d+)", layout))


def test_map_is_a_lock_word_flags_and_bytes(namespace: Path) -> None:
    """Programs without the library find the bytes, and see who has the lock."""
    with RWSharedMMap("map", 5, max_participants=3) as shm, RWSharedMMap("map", 5) as other:
        with shm.lock_write():
            shm.write(b"bytes")
            written = read(namespace, "map")
        with other.lock_read():
            being_read = read(namespace, "map")

    body = written.header["body_offset"]
    tags = [(index + 1) << 17 | written.participant(index)["generation"] for index in (0, 1)]
    data_at = up_to_pages(body + 128 + 64 * 3)
    assert written.header["geometry"] == struct.pack("<16Q", 5, *[0] * 15)
    assert written.content[data_at:] == b"bytes".ljust(PAGE, b"\0")
    assert written.record(MAP, "## Control", body)["writer"] == 1 << 32 | tags[0]
    assert being_read.record(MAP, "## Control", body)["writer"] == 1 << 32
    assert being_read.record(MAP, "## Control", body)["flags_used"] == 2
    assert being_read.record(MAP, "## Flag", body + 128 + 64)["word"] == 1 << 28 | tags[1]


def test_bytes_of_a_channel_are_found_by_the_words_of_the_page(namespace: Path) -> None:
    """A reader in another language needs these words and no more."""
    with open_channel("bytes", CHAN_W, 10) as writer, open_channel("bytes", CHAN_R) as reader:
        writer.write(b"0123456789")
        reader.read_bytes(7)
        writer.write(b"abcdef")
        document = read(namespace, "bytes")
        counters = [document.counters(index) for index in (0, 1)]

    body = document.header["body_offset"]
    control = document.record(CHANNEL, "## Control", body)
    data = document.content[body + 192 : body + 202]
    assert document.header["kind"] == 2
    assert document.header["flags"] == 1
    assert (control["head"], control["tail"]) == (7, 16)
    assert bytes(data[k % 10] for k in range(7, 16)) == b"789abcdef"
    assert struct.unpack("<4I", control["end"]) == (2 << 17 | 1, 1, 1 << 17 | 1, 1)
    assert sum(line["bytes_written"] for line in counters) == 16
    assert sum(line["bytes_read"] for line in counters) == 7


def test_the_function_page_leads_to_a_call(namespace: Path) -> None:
    """A caller's words and bytes are where the page says, and what it says."""
    with HostFunctionCaller("add", 100, 200, lanes=2, slots=3) as add:
        add(1, 2)
        add(3, b=4)
        found = Document((namespace / "add").read_bytes())
        allocated = os.stat(namespace / "add").st_blocks * 512

    words = struct.unpack("<16Q", found.header["geometry"])
    assert {row["Field"]: words[int(row["Word"])] for row in pages.table(FUNCTION, "## Geometry")} == {
        "lanes": 2,
        "slots": 3,
        "arguments": 100,
        "result": 200,
    }
    body = found.header["body_offset"]
    lanes = body + 128 + -(-4 * found.header["participants_count"] // 64) * 64
    slots = lanes + 2 * 64
    payload = body + -(-(slots + 2 * 3 * 64 - body) // PAGE) * PAGE
    stride = -(-3 * (128 + 4096) // PAGE) * PAGE
    control = found.record(FUNCTION, "## Control", body)
    lane = found.record(FUNCTION, "## Lane", lanes)
    calls = [found.record(FUNCTION, "## Call slot", slots + 64 * number) for number in range(3)]
    assert (control["posted"], control["lanes_used"]) == (2, 1)
    assert lane["owner"] == 1 << 17 | found.participant(0)["generation"]
    assert found.record(FUNCTION, "## Server", body + 128)["tag"] == 0
    assert [call["state"] for call in calls] == [1 << 32 | 1 << 28, 1 << 32 | 1 << 28, 0]
    assert [call["request"] & 0xFFFFFF for call in calls] == [1, 0x101, 0]
    assert [call["order"] for call in calls[:2]] == [0, 1]
    first, second = (found.content[payload + number * (128 + 4096) :] for number in range(2))
    assert plain.loads(1, first[: calls[0]["request"] >> 24]) == (1, 2)
    assert plain.loads(1, second[: calls[1]["request"] >> 24]) == ((3,), {"b": 4})
    assert len(found.content) == payload + 2 * stride
    assert allocated == payload + stride

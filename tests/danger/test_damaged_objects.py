"""Objects whose bytes were changed: refused at opening, or found by the operation that meets the damage."""

from __future__ import annotations

import errno
import os
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from tests.segments import FIELDS, PAGE, Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REMEDY = "end the programs that use it, then remove it with memlane.unlink(), and it is made anew"


@pytest.fixture
def segment(namespace: Path) -> Segment:
    """Give a sound object with one value, which nobody has open."""
    with HostVariable("pose", 4096, slots=4, max_participants=8) as variable:
        variable.data = b"value"
    return Segment(namespace / "pose")


def test_second_reading_of_the_layout_agrees_with_the_first(segment: Segment) -> None:
    """Else the tests below would damage something else than they say."""
    latest = segment.word(segment.register)

    assert segment["magic"].to_bytes(8, "little") == b"memlane\0"
    assert (segment["slots"], segment["capacity"], segment["participants_count"]) == (4, 4096, 8)
    assert latest >> 16 == 1
    assert b"value" in segment.read(segment.values + (latest & 0xFFFF) * segment["stride"], 64)
    content = segment.read(4088, 4)
    segment.seal()
    assert segment.read(4088, 4) == content


@pytest.mark.parametrize(
    ("field", "value", "error", "text"),
    [
        ("magic", 0, memlane.Corrupted, "'pose': the file does not begin as memlane's objects do: it was overwritten"),
        ("endian", 0x04030201, memlane.LayoutMismatch, "'pose' was made by a machine of another byte order"),
        ("layout_major", 0, memlane.LayoutMismatch, "of an older version of memlane, this one reads"),
        ("layout_major", 99, memlane.LayoutMismatch, "has the layout 99.0 of a newer version of memlane"),
        ("incompatible", 1 << 31, memlane.LayoutMismatch, "uses features of a newer memlane .* (bits 0x80000000)"),
        ("kind", 2, memlane.KindMismatch, "'pose' is a channel, and was opened as a variable: choose another name"),
        ("kind", 99, memlane.KindMismatch, "'pose' is an object of an unknown kind, and was opened as a variable"),
        ("total_size", 1 << 40, memlane.Corrupted, "'pose': the sizes in its header contradict each other"),
        ("participants_offset", 8192, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("participants_count", 0, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("participants_count", 2**32 - 1, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("body_offset", 2**63, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("slots", 0, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("slots", 2**64 - 1, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("capacity", 0, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("capacity", 2**64 - 64, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("stride", 64, memlane.Corrupted, "the sizes in its header contradict each other"),
        ("schema_length", 2**32 - 1, memlane.Corrupted, "the sizes in its header contradict each other"),
    ],
)
def test_header_that_says_something_else_is_refused_with_the_reason(
    segment: Segment, field: str, value: int, error: type[memlane.Error], text: str
) -> None:
    """Older, newer, foreign, nonsense: each has its own reaction, and the checksum is right each time."""
    segment.set(field, value, seal=True)

    with pytest.raises(error) as caught:
        HostVariable("pose")

    for part in text.split(" .* "):
        assert part in str(caught.value)
    if error is not memlane.KindMismatch:
        assert REMEDY in str(caught.value)


@pytest.mark.parametrize("field", sorted(FIELDS.keys() - {"magic", "endian", "layout_major"}))
def test_field_that_was_changed_without_its_checksum_is_damage(segment: Segment, field: str) -> None:
    """An accident, not a decision: nothing in the header can be believed."""
    segment.set(field, segment[field] ^ 1, seal=False)

    with pytest.raises(memlane.Corrupted, match=r"'pose': its header is damaged \(checksum 0x[0-9a-f]+, stored 0x"):
        HostVariable("pose")


@pytest.mark.parametrize("offset", [216, 232, 248, 264, 268, 300, 484, 4000, 4087, 4088, 4091])
def test_any_other_byte_of_the_header_is_covered_by_the_checksum(segment: Segment, offset: int) -> None:
    """Identity, dates, name and reserved bytes."""
    segment.write(offset, bytes([segment.read(offset, 1)[0] ^ 0x40]))

    with pytest.raises(memlane.Corrupted, match="its header is damaged"):
        HostVariable("pose")


def test_newer_minor_layout_is_accepted(segment: Segment) -> None:
    """A minor number promises that older programs go on."""
    segment.set("layout_minor", 7, seal=True)

    with HostVariable("pose") as variable:
        assert variable.data == b"value"


def test_damaged_object_can_be_removed_and_made_anew(segment: Segment) -> None:
    """The remedy that the errors name."""
    segment.write(0, bytes(PAGE))
    with pytest.raises(memlane.Corrupted):
        HostVariable("pose")

    memlane.unlink("pose")

    with HostVariable("pose") as variable:
        assert variable.version == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "its file holds 0 bytes, less than a header: it was truncated, or is not memlane's"),
        (4095, "its file holds 4095 bytes, less than a header"),
        (4096, "its file holds 4096 bytes but was made with"),
        (8192, "its file holds 8192 bytes but was made with"),
    ],
)
def test_truncated_object_is_refused_with_both_sizes(segment: Segment, size: int, text: str) -> None:
    """Truncated before it was opened."""
    os.truncate(segment.path, size)

    with pytest.raises(memlane.Corrupted) as caught:
        HostVariable("pose")

    assert f"'pose': {text}" in str(caught.value)
    assert "remove it with memlane.unlink()" in str(caught.value)


def test_extended_object_is_refused(segment: Segment) -> None:
    """Bytes that nobody knows of."""
    os.truncate(segment.path, segment.path.stat().st_size + 1)

    with pytest.raises(memlane.Corrupted, match="it was truncated or extended by another program"):
        HostVariable("pose")


def test_sparse_object_is_reserved_before_it_is_used(segment: Segment) -> None:
    """``cp --sparse`` or a hole: without storage behind it, writing would be a SIGBUS one day."""
    content = segment.path.read_bytes()
    sparse = segment.path.with_name("copy")
    with sparse.open("wb") as file:
        os.chmod(sparse, 0o600)
        file.truncate(len(content))
        file.write(content[: 4 * PAGE])
    sparse.rename(segment.path)
    before = segment.path.stat()

    with HostVariable("pose") as variable:
        variable.data = b"written"
        after = segment.path.stat()

    assert before.st_blocks * 512 < before.st_size
    assert after.st_blocks * 512 >= after.st_size


DAMAGE = {
    "latest names no slot": lambda segment: segment.set_word(segment.register, 1 << 16 | 0xFFFF),
    "latest names a slot of another version": lambda segment: segment.set_word(segment.register, 99 << 16),
    "length beyond the capacity": lambda segment: segment.set_word(latest_slot(segment) + 8, (1 << 40) - 1),
}


def latest_slot(segment: Segment) -> int:
    """Return the offset of the words of the current slot."""
    return segment.slots + 64 * (segment.word(segment.register) & 0xFFFF)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "read",
    [lambda variable: variable.data, lambda variable: variable.read(), lambda variable: variable.view()],
    ids=["data", "read", "view"],
)
def test_words_that_contradict_each_other_are_reported_by_every_read(
    segment: Segment, damage: Callable[[Segment], None], read: Callable[[HostVariable], object]
) -> None:
    """Rule 10: no crash, no hang, no read outside the mapping."""
    with HostVariable("pose") as variable:
        damage(segment)

        with pytest.raises(memlane.Corrupted) as caught:
            read(variable)

    assert "variable 'pose': its shared words contradict each other: another program overwrote them" in str(
        caught.value
    )
    assert "end the programs that use it, remove it with memlane.unlink(), and open it anew" in str(caught.value)


@pytest.mark.parametrize("kind", [0, 7, 200, 0xFFFFFF])
def test_value_of_an_unknown_type_is_damage(segment: Segment, kind: int) -> None:
    """A type mark that no writer of this version makes."""
    with HostVariable("pose") as variable:
        segment.set_word(latest_slot(segment) + 8, kind << 40 | 16)

        with pytest.raises(memlane.Corrupted):
            _ = variable.data


def test_value_whose_encoding_is_damaged_is_reported(segment: Segment) -> None:
    """The decoder is bounded: it reads nothing beyond the value."""
    with HostVariable("pose") as variable:
        variable.data = {"key": [1, 2.0, "text"]}
        place = segment.values + (segment.word(segment.register) & 0xFFFF) * segment["stride"]
        segment.write(place, b"\xff" * 8)

        with pytest.raises(memlane.Corrupted):
            _ = variable.data

        variable.data = "healed by the next write"
        assert variable.data == "healed by the next write"


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        (b"\x80\x05", b"\xef\x05"),
        (b"\x80\x05", b"\x80\x28"),
        (b"\x80\x05", b".\x05"),
        (b"\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\xff"),
        (b"text", b"t\xffxt"),
        (b"\x8c\x04text", b"}\x8c\x03txt"),
    ],
    ids=["operation", "protocol", "end", "length", "text", "key"],
)
def test_damaged_pickle_is_reported_as_damage(segment: Segment, sound: bytes, damaged: bytes) -> None:
    """Rule 10 knows two outcomes, and whatever the unpickler happens to raise is neither."""
    with HostVariable("pose") as variable:
        variable.data = {"text"}
        place = segment.values + (segment.word(segment.register) & 0xFFFF) * segment["stride"]
        content = segment.read(place, 64)
        segment.write(place + content.index(sound), damaged)

        with pytest.raises(memlane.Corrupted, match="variable 'pose' holds a damaged pickle"):
            _ = variable.data


@pytest.mark.slow
def test_random_damage_of_everything_but_the_header_never_ends_the_process(namespace: Path) -> None:
    """Rule 10: any byte, changed by anybody, at any time: `Corrupted`, or plain wrong values."""
    generator = random.Random(3)
    errors = (memlane.Error, MemoryError)
    refused = 0
    for _ in range(300):
        with HostVariable("pose", 2_000, slots=3, max_participants=4, allow_pickle=False) as variable:
            segment = Segment(namespace / "pose")
            variable.data = generator.choice([b"bytes", {"x": [1, (2.0, None)]}, np.zeros((3, 4)), {1, 2}])
            size = segment.path.stat().st_size
            for _ in range(generator.choice([1, 4, 200])):
                segment.write(generator.randrange(PAGE, size), generator.randbytes(8))
            for operate in (
                lambda variable: variable.data,
                lambda variable: variable.view(),
                lambda variable: setattr(variable, "data", b"new"),
                lambda variable: variable.stats(),
                lambda variable: variable.wait(timeout=0),
            ):
                try:
                    operate(variable)
                except errors:
                    refused += 1
                except TypeError as error:
                    assert "can be viewed in place" in str(error)  # noqa: PT017  (one of several that may come)
        memlane.unlink("pose")

    assert refused > 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: os.mkfifo(path, 0o600), "is not a plain file with one name: it is not an object; remove it"),
        (lambda path: path.mkdir(0o700), "is a symbolic link, a directory or a device, not an object"),
        (lambda path: path.symlink_to(path.with_name("target")), "is a symbolic link, a directory or a device"),
        (lambda path: path.symlink_to("/dev/zero"), "is a symbolic link, a directory or a device, not an object"),
        (lambda path: os.link(path.with_name("target"), path), "is not a plain file with one name"),
    ],
    ids=["FIFO", "directory", "symbolic link", "link to a device", "hard link"],
)
def test_what_is_no_plain_file_is_refused_without_blocking(
    namespace: Path, make: Callable[[Path], None], text: str
) -> None:
    """Hazard 24: somebody put it there; a FIFO must not even make the opener wait."""
    HostVariable("target").close()
    make(namespace / "pose")

    with pytest.raises(memlane.UnsafeNamespace) as caught:
        HostVariable("pose")

    assert caught.value.errno == errno.EPERM
    assert "'pose'" in str(caught.value)
    assert text in str(caught.value)


def test_text_file_in_place_of_an_object_is_refused(namespace: Path) -> None:
    """A file that somebody saved in the wrong place."""
    (namespace / "pose").write_text("notes" * 2000)
    (namespace / "pose").chmod(0o600)

    with pytest.raises(
        memlane.Corrupted, match="does not begin as memlane's objects do: it was overwritten, or is not"
    ):
        HostVariable("pose")

    assert (namespace / "pose").read_text().startswith("notes")

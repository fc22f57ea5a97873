"""Print the examples of the format pages from a real segment: ``python -m tests.docs.dump header``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memlane import CHAN_R, CHAN_W, HostVariable, SharedAssign, open_channel
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

SEGMENT = "docs/format/segment.md"
REGISTER = "docs/format/register.md"
SHARE = "docs/format/share.md"
WIDTH = 16

PARTICIPANTS_AT = 0x1000
BODY_AT = 0x2000
SLOTS_AT = BODY_AT + 128 + 64
DATA_AT = 0x3000
CHANNEL = "docs/format/channel.md"
FORMAT = np.dtype([("number", "i4"), ("name", "S10"), ("spots", [("x", "f4"), ("y", "f4")], (2,))])
SCHEMA_SIZE = 208
MARK_AT = DATA_AT + 2 * (64 + 4096)
PARTS = {
    "header": range(PARTICIPANTS_AT),
    "participants": range(PARTICIPANTS_AT, BODY_AT),
    "register": range(BODY_AT, DATA_AT + 128),
    "channel": range(BODY_AT, BODY_AT + 208),
    "schema": range(PARTICIPANTS_AT, PARTICIPANTS_AT + SCHEMA_SIZE),
    "share": range(MARK_AT, MARK_AT + 64),
}
# Table of the page, where it lies in the example, and the fields that differ from one object to the next.
VARYING = (
    (
        SEGMENT,
        "## Header",
        0,
        {"uuid", "created_monotonic_ns", "created_real_ns", "boot_identity", "creator_user", "checksum"},
    ),
    (SEGMENT, "## Participant", PARTICIPANTS_AT, {"pid", "start_time", "pid_namespace", "thread", "label"}),
    (REGISTER, "## Slot", SLOTS_AT + 64, {"monotonic_ns", "real_ns"}),
)


def varying(part: str) -> set[int]:
    """Return the offsets of the bytes that differ from one object to the next."""
    offsets: set[int] = set()
    if part == "channel":
        return offsets
    for page, heading, base, fields in VARYING:
        for row in pages.table(page, heading):
            if row["Field"] in fields:
                start = base + int(row["Offset"])
                offsets.update(range(start, start + int(row["Size"])))
    return offsets


def example(directory: Path) -> bytes:
    """Return the file of the pages' example, as it is while its writer has it open."""
    with HostVariable("pose", 64, slots=2, max_participants=1, directory=directory) as pose:
        pose.data = {"x": 1}
        return (directory / "pose").read_bytes()


def example_channel(directory: Path) -> bytes:
    """Return the file of the channel's example, as it is while both ends have it open."""
    with (
        open_channel("bytes", CHAN_W, 8, max_participants=2, directory=directory) as writer,
        open_channel("bytes", CHAN_R, directory=directory) as reader,
    ):
        writer.write(b"abcdefgh")
        reader.read_bytes(5)
        writer.write(b"ijk")
        return (directory / "bytes").read_bytes()


def example_with_format(directory: Path) -> bytes:
    """Return the file of the example of the field table's page."""
    with HostVariable("label", data_format=FORMAT, slots=2, max_participants=1, directory=directory):
        return (directory / "label").read_bytes()


def share_example(directory: Path) -> bytes:
    """Return the file of the share's example, after its value was taken."""
    arguments: dict[str, Any] = {"slots": 2, "max_participants": 1, "directory": directory}
    with SharedAssign("pose", 64, "put", **arguments) as giver:
        giver.put({"x": 1})
    with SharedAssign("pose", 64, "get", **arguments) as taker:
        taker.get()
    return (directory / "pose").read_bytes()


def lines(content: bytes, part: range, hidden: set[int]) -> Iterator[str]:
    """Print a part of the file, with a star for zeros and dots for what varies."""
    starred = False
    for start in range(part.start, part.stop, WIDTH):
        row = content[start : start + WIDTH]
        empty = not any(row) and not hidden & set(range(start, start + WIDTH))
        if not empty:
            cells = [".." if start + i in hidden else f"{byte:02x}" for i, byte in enumerate(row)]
            text = "".join(
                chr(byte) if 0x20 < byte < 0x7F and start + i not in hidden else "." for i, byte in enumerate(row)
            )
            yield f"{start:08x}  {' '.join(cells[:8])}  {' '.join(cells[8:])}  |{text}|"
        elif not starred:
            yield "*"
        starred = empty


def dump(part: str, directory: Path) -> str:
    """Return one of the pages' examples."""
    if part == "schema":
        return "\n".join(lines(example_with_format(directory), PARTS[part], set())) + "\n"
    if part == "share":
        return "\n".join(lines(share_example(directory), PARTS[part], set())) + "\n"
    content = example_channel(directory) if part == "channel" else example(directory)
    return "\n".join(lines(content, PARTS[part], varying(part))) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/dev/shm") as namespace:
        sys.stdout.write(dump(sys.argv[1], Path(namespace)))

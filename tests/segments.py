"""The bytes of a segment, as `docs/format/segment.md` has them: a second, independent reading of the layout."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096
CHECKSUM = 4088
FIELDS = {
    "magic": (0, "<Q"),
    "endian": (8, "<I"),
    "layout_major": (12, "<H"),
    "layout_minor": (14, "<H"),
    "incompatible": (16, "<I"),
    "read_only_compatible": (20, "<I"),
    "flags": (24, "<I"),
    "kind": (28, "<I"),
    "total_size": (32, "<Q"),
    "participants_offset": (40, "<I"),
    "participants_count": (44, "<I"),
    "body_offset": (48, "<Q"),
    "slots": (56, "<Q"),
    "capacity": (64, "<Q"),
    "stride": (72, "<Q"),
    "encoding": (80, "<Q"),
    "schema_length": (472, "<I"),
    "schema_checksum": (476, "<I"),
}


def checksum(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli, RFC 3720 appendix B.4) of some bytes, bit by bit."""
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


class Segment:
    """A segment's file, to be looked at and damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def write(self, offset: int, content: bytes) -> None:
        """Change bytes of the file."""
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(content)

    def __getitem__(self, field: str) -> int:
        offset, form = FIELDS[field]
        number: int = struct.unpack(form, self.read(offset, struct.calcsize(form)))[0]
        return number

    def set(self, field: str, value: int, *, seal: bool) -> None:
        """Change a field of the header; with *seal* the header's checksum is made right again."""
        offset, form = FIELDS[field]
        self.write(offset, struct.pack(form, value))
        if seal:
            self.seal()

    def seal(self) -> None:
        """Make the header's checksum right, as a program does that means what it wrote."""
        self.write(CHECKSUM, struct.pack("<I", checksum(self.read(0, CHECKSUM))))

    @property
    def register(self) -> int:
        """Offset of the word that names the latest value."""
        return self["body_offset"]

    @property
    def pins(self) -> int:
        """Offset of the pins, a line of 64 bytes for each participant."""
        return self.register + 128

    @property
    def slots(self) -> int:
        """Offset of the slots' words, a line of 64 bytes each."""
        return self.pins + 64 * self["participants_count"]

    @property
    def values(self) -> int:
        """Offset of the first slot's bytes."""
        return (self.slots + 64 * self["slots"] + PAGE - 1) // PAGE * PAGE

    def word(self, offset: int) -> int:
        """Return a word of eight bytes."""
        return int.from_bytes(self.read(offset, 8), "little")

    def set_word(self, offset: int, value: int) -> None:
        """Change a word of eight bytes."""
        self.write(offset, value.to_bytes(8, "little"))

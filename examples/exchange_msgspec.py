"""Writes records to the variable ``exchange``, reads whatever is the latest, and checks it, until Ctrl-C."""

import itertools
import os
import struct
import sys
import zlib
from typing import Annotated

import msgspec

from memlane import HostVariable

BEFORE_CHECKSUM = struct.Struct("=Q8d16sI")


class Record(msgspec.Struct):
    """The struct of ``record.h``."""

    count: Annotated[int, "u8"]
    values: Annotated[list[float], "8f8"]
    writer: Annotated[bytes, "S16"]
    process: Annotated[int, "u4"]
    checksum: Annotated[int, "u4"] = 0


def checksum(record: Record) -> int:
    """Return the CRC-32 of all that stands before the checksum."""
    return zlib.crc32(BEFORE_CHECKSUM.pack(record.count, *record.values, record.writer, record.process))


def main() -> int:
    """Exchange until Ctrl-C; 1 when a record was torn."""
    written = torn = 0
    with HostVariable("exchange", data_format=Record) as exchange:
        try:
            for count in itertools.count(1):
                mine = Record(count, [count / (i + 1) for i in range(8)], b"msgspec", os.getpid())
                mine.checksum = checksum(mine)
                exchange.data = mine
                latest = exchange.data
                torn += latest.checksum != checksum(latest)
                written = count
        except KeyboardInterrupt:
            print(f"msgspec: {written} written and read, {torn} torn")
    return 1 if torn else 0


if __name__ == "__main__":
    sys.exit(main())

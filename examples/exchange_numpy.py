"""Writes records to the variable ``exchange``, reads whatever is the latest, and checks it, until Ctrl-C."""

import itertools
import os
import sys
import zlib
from typing import Any

import numpy as np

from memlane import HostVariable

# The struct of record.h.
RECORD = np.dtype(
    [("count", "u8"), ("values", "f8", (8,)), ("writer", "S16"), ("process", "u4"), ("checksum", "u4")], align=True
)


def checksum(record: Any) -> int:
    """Return the CRC-32 of all that stands before the checksum."""
    return zlib.crc32(record.tobytes()[:-4])


def main() -> int:
    """Exchange until Ctrl-C; 1 when a record was torn."""
    written = torn = 0
    mine = np.zeros((), RECORD)[()]
    mine["writer"], mine["process"] = b"numpy", os.getpid()
    with HostVariable("exchange", data_format=RECORD) as exchange:
        try:
            for count in itertools.count(1):
                mine["count"] = count
                mine["values"] = count / np.arange(1, 9)
                mine["checksum"] = checksum(mine)
                exchange.data = mine
                latest = exchange.data
                torn += int(latest["checksum"]) != checksum(latest)
                written = count
        except KeyboardInterrupt:
            print(f"numpy: {written} written and read, {torn} torn")
    return 1 if torn else 0


if __name__ == "__main__":
    sys.exit(main())

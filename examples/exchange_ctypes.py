"""Writes records to the variable ``exchange``, reads whatever is the latest, and checks it, until Ctrl-C."""

import ctypes
import itertools
import os
import sys
import zlib

from memlane import HostVariable


class Record(ctypes.Structure):
    """The struct of ``record.h``."""

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("values", ctypes.c_double * 8),
        ("writer", ctypes.c_char * 16),
        ("process", ctypes.c_uint32),
        ("checksum", ctypes.c_uint32),
    )


def checksum(record: Record) -> int:
    """Return the CRC-32 of all that stands before the checksum."""
    return zlib.crc32(bytes(record)[: Record.checksum.offset])


def main() -> int:
    """Exchange until Ctrl-C; 1 when a record was torn."""
    written = torn = 0
    with HostVariable("exchange", data_format=Record) as exchange:
        try:
            for count in itertools.count(1):
                values = (ctypes.c_double * 8)(*(count / (i + 1) for i in range(8)))
                mine = Record(count, values, b"ctypes", os.getpid())
                mine.checksum = checksum(mine)
                exchange.data = mine
                latest = exchange.data
                torn += latest.checksum != checksum(latest)
                written = count
        except KeyboardInterrupt:
            print(f"ctypes: {written} written and read, {torn} torn")
    return 1 if torn else 0


if __name__ == "__main__":
    sys.exit(main())

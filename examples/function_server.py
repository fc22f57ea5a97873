"""The Python twin of function_server.c: serves the function `judge` until Ctrl-C."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import memlane


class Frame(ctypes.Structure):
    """As in judge.h."""

    _fields_ = [("number", ctypes.c_uint64), ("exposure", ctypes.c_float), ("pixels", ctypes.c_uint32 * 3)]


class Verdict(ctypes.Structure):
    """As in judge.h."""

    _fields_ = [("number", ctypes.c_uint64), ("brightness", ctypes.c_double)]


def judge(frame: Frame) -> Verdict:
    """Say how bright a frame is."""
    return Verdict(frame.number, sum(frame.exposure * pixel for pixel in frame.pixels))


def main() -> None:
    """Serve; start it before or after its callers."""
    with memlane.HostFunctionDispatcher() as dispatcher, suppress(KeyboardInterrupt):
        dispatcher.add("judge", judge, arg_format=Frame, ret_format=Verdict)
        dispatcher.serve_forever()


if __name__ == "__main__":
    main()

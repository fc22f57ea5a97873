"""One struct in each way to declare it, for tests of fixed formats and for their peers."""

from __future__ import annotations

import ctypes
from typing import Annotated

import msgspec
import numpy as np

NAMES = ("x", "y", "z", "roll", "yaw")


class Pose(msgspec.Struct):
    """Five doubles."""

    x: float
    y: float
    z: float
    roll: float
    yaw: float


class PoseObject(ctypes.Structure):
    """The same for ctypes."""

    _fields_ = [(name, ctypes.c_double) for name in NAMES]


POSE_DTYPE = np.dtype([(name, "f8") for name in NAMES])


class Label(ctypes.Structure):
    """The packed struct {int, char[10], char[32]} of robot programs."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char * 10),
        ("text", ctypes.c_char * 32),
    ]


class LabelStruct(msgspec.Struct):
    """The same for msgspec."""

    number: Annotated[int, "i4"]
    name: Annotated[bytes, "S10"]
    text: Annotated[bytes, "S32"]


LABEL_DTYPE = np.dtype([("number", "i4"), ("name", "S10"), ("text", "S32")])


class Point(msgspec.Struct):
    """A struct within others."""

    x: Annotated[float, "f4"]
    y: Annotated[float, "f4"]


class Everything(msgspec.Struct, kw_only=True):
    """A field of each type that msgspec declares."""

    ready: bool
    small: Annotated[int, "i1"]
    count: Annotated[int, "u2"]
    large: Annotated[int, "u8"]
    whole: int
    real: float
    half: Annotated[float, "f2"]
    name: Annotated[str, "S12"]
    tag: Annotated[bytes, "S4"]
    raw: Annotated[bytes, "V3"]
    wide: Annotated[str, "U4"]
    point: Point
    path: tuple[Point, Point, Point]
    ranges: Annotated[list[float], "4f4"]
    offsets: tuple[int, int]
    cloud: Annotated[list[Point], "5V"]


def everything(**changes: object) -> Everything:
    """Return a value of each field."""
    whole = {
        "ready": True,
        "small": -128,
        "count": 65535,
        "large": 2**64 - 1,
        "whole": -(2**63),
        "real": 0.1,
        "half": 1.5,
        "name": "grüße",
        "tag": b"base",
        "raw": b"\0\1\0",
        "wide": "wörd",
        "point": Point(1.0, 2.0),
        "path": (Point(1.0, 2.0), Point(3.0, 4.0), Point(5.0, 6.0)),
        "ranges": [1.0, 2.0, 3.0, 4.0],
        "offsets": (1, -1),
        "cloud": [Point(float(n), 0.5) for n in range(5)],
    }
    return Everything(**{**whole, **changes})  # type: ignore[arg-type]

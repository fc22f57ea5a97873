"""The camera: films a crop that moves over the stereo pair, and says where it looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from memlane.demo.variables import FRAME_SHAPE, STEREO_PAIR

if TYPE_CHECKING:
    from memlane.demo.station import Station

FRAMES_PER_SECOND = 100
REST_SPEED = 0.01
"""Radians of the path for each frame, before the controller's first command."""

EYES = ("left", "right")


class Corner(NamedTuple):
    """Where a crop begins in a picture."""

    top: int
    left: int


def corner_at(phase: float, picture_shape: tuple[int, ...]) -> Corner:
    """Return where the path is at a phase: a Lissajous figure that touches all four edges."""
    room_below, room_right = picture_shape[0] - FRAME_SHAPE[0], picture_shape[1] - FRAME_SHAPE[1]
    return Corner(
        top=round(room_below * (1 + math.sin(3 * phase)) / 2),
        left=round(room_right * (1 + math.sin(2 * phase)) / 2),
    )


def crop(pair: Any, eye: int, corner: Corner) -> Any:
    """Copy one frame out of the pair."""
    return pair[eye, corner.top : corner.top + FRAME_SHAPE[0], corner.left : corner.left + FRAME_SHAPE[1]].copy()


def work(station: Station) -> None:
    """Publish frames and poses, the eyes taking turns, as the controller commands."""
    pair = station.open(STEREO_PAIR).view()  # in place: nothing is copied, however often a camera starts
    command = station.reader("command")
    frame, pose = station.publisher("frame"), station.publisher("pose")
    station.ready()
    # A value survives its writer: a restarted camera goes on where the last command has seen the killed one.
    phase, speed = (command.payload["phase"], command.payload["speed"]) if command.look() else (0.0, REST_SPEED)
    for count, _ in enumerate(station.beats(FRAMES_PER_SECOND)):
        if command.look():
            speed = command.payload["speed"]
        phase += speed
        corner = corner_at(phase, pair.shape[1:])
        eye = count % len(EYES)
        frame.publish(crop(pair, eye, corner))
        pose.publish({"eye": EYES[eye], "phase": phase, **corner._asdict()})

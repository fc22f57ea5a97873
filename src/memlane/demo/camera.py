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

PAN = 12
"""Columns by which the controller can turn the camera, to either side."""

EYES = ("left", "right")


class Corner(NamedTuple):
    """Where a crop begins in a picture."""

    top: int
    left: int


def corner_at(phase: float, steering: float, picture_shape: tuple[int, ...]) -> Corner:
    """Return where the path is at a phase: a Lissajous figure that touches all four edges, for a camera that turns."""
    room_below, room_right = picture_shape[0] - FRAME_SHAPE[0], picture_shape[1] - FRAME_SHAPE[1]
    left = round(room_right * (1 + math.sin(2 * phase)) / 2 + PAN * steering)
    return Corner(top=round(room_below * (1 + math.sin(3 * phase)) / 2), left=min(max(left, 0), room_right))


def crop(pair: Any, eye: int, corner: Corner) -> Any:
    """Return one frame of the pair."""
    return pair[eye, corner.top : corner.top + FRAME_SHAPE[0], corner.left : corner.left + FRAME_SHAPE[1]]


def work(station: Station) -> None:
    """Publish frames and poses, the eyes taking turns, as the controller commands."""
    pair = station.open(STEREO_PAIR).view()  # in place: nothing is copied, however often a camera starts
    command = station.reader("command")
    frame, pose = station.publisher("frame"), station.publisher("pose")
    station.ready()
    phase, speed, steering = 0.0, REST_SPEED, 0.0
    if command.look():  # a value survives its writer: go on where the last command has seen the killed camera
        phase = float(command.value["phase"])
    for count, _ in enumerate(station.beats(FRAMES_PER_SECOND)):
        command.look()
        if command.value is not None:
            speed = 0.0 if command.value["stop"] else float(command.value["velocity"])
            steering = float(command.value["steering"])
        phase += speed
        corner = corner_at(phase, steering, pair.shape[1:])
        eye = count % len(EYES)
        frame.publish(pixels=crop(pair, eye, corner))
        pose.publish(eye=EYES[eye].encode(), phase=phase, **corner._asdict())

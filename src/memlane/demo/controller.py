"""The controller: looks at everything at its own rate, and tells the camera how fast to move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memlane.demo.camera import REST_SPEED

if TYPE_CHECKING:
    from memlane.demo.station import Station

LOOKS_PER_SECOND = 200


def share_in_the_middle(labels: Any) -> float:
    """Return the share of all segments that reach into the middle of the picture."""
    rows, columns = labels.shape
    middle = labels[rows // 4 : -rows // 4, columns // 4 : -columns // 4]
    return float(np.unique(middle).size / np.unique(labels).size)


def speed_for(labels: Any, brightness: float) -> float:
    """Return how far the camera shall move with each frame: slower in the dark, and with much to see in the middle."""
    return REST_SPEED * (1 - share_in_the_middle(labels) / 2) * (0.5 + brightness / 256)


def work(station: Station) -> None:
    """Publish a command after each look at frame, pose, labels and statistics."""
    frame, pose = station.reader("frame"), station.reader("pose")
    labels, statistics = station.reader("labels"), station.reader("statistics")
    command = station.publisher("command")
    station.ready()
    for _ in station.beats(LOOKS_PER_SECOND):
        for reader in (frame, pose, labels, statistics):
            reader.look()
        phase = pose.payload["phase"] if pose.payload else 0.0
        speed = speed_for(labels.payload, statistics.payload["brightness"]) if statistics.payload else REST_SPEED
        command.publish({"phase": phase, "speed": speed})

"""The controller: looks at everything at its own rate, asks the model, and tells the camera how to move.

``controller.cpp`` does the same in C++.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memlane.demo.camera import REST_SPEED

if TYPE_CHECKING:
    from memlane.demo.station import Station

LOOKS_PER_SECOND = 200

NANOSECONDS_BETWEEN_QUESTIONS = 25_000_000

PATIENCE_NANOSECONDS = 500_000_000
"""How old the model's last answer may be before the camera has to stand still."""

USUAL_BRIGHTNESS = 128.0
"""Before the model says what it is."""


class Course(NamedTuple):
    """How the camera shall move."""

    velocity: float
    """Radians of its path with each frame: slower in the dark, and with much to see in the middle."""
    steering: float
    """From -1 to 1: towards the side with more segments."""


REST = Course(REST_SPEED, 0.0)


def course_for(labels: Any, brightness: float) -> Course:
    """Return how the camera shall move when this is what it sees."""
    rows, columns = labels.shape
    middle = labels[rows // 4 : -(rows // 4), columns // 4 : -(columns // 4)]
    left, right = segments_in(labels[:, : columns // 2]), segments_in(labels[:, columns // 2 :])
    return Course(
        velocity=REST_SPEED * (1 - segments_in(middle) / segments_in(labels) / 2) * (0.5 + brightness / 256),
        steering=(right - left) / (right + left),
    )


def segments_in(labels: Any) -> int:
    """Return how many segments reach into a part of the picture."""
    return int(np.unique(labels).size)


def work(station: Station) -> None:
    """Publish a command after each look at frame, pose, labels and statistics."""
    frame, pose = station.reader("frame"), station.reader("pose")
    labels, statistics = station.reader("labels"), station.reader("statistics")
    question, command = station.question(), station.publisher("command")
    station.ready()
    course, answered = REST, 0
    for _ in station.beats(LOOKS_PER_SECOND):
        for reader in (frame, pose, labels, statistics):
            reader.look()
        now = time.monotonic_ns()
        answer = question.answer()
        if answer is not None:
            seen = statistics.value
            course = course_for(answer["segments"], USUAL_BRIGHTNESS if seen is None else float(seen["brightness"]))
            answered = now
        if question.is_free and frame.value is not None and now - question.sent >= NANOSECONDS_BETWEEN_QUESTIONS:
            question.ask(frame.value)
        phase = 0.0 if pose.value is None else float(pose.value["phase"])
        command.publish(**course._asdict(), phase=phase, stop=now - answered > PATIENCE_NANOSECONDS)

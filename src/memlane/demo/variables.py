"""Which variables there are, who writes each and who reads it; the function and the channel beside them.

``controller.cpp`` has the same structs: where the two differ, it is refused when it opens a variable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from memlane.demo.seal import sealed_format

if TYPE_CHECKING:
    import numpy as np

FRAME_SHAPE = (400, 600, 3)
"""Rows, columns and colours of a frame: a crop of the 500 x 741 pictures."""

LABELS_STEP = 6
"""The model looks at every sixth row and column: felzenszwalb then takes some 4 ms, also on a busy machine."""

LABELS_SHAPE = (math.ceil(FRAME_SHAPE[0] / LABELS_STEP), math.ceil(FRAME_SHAPE[1] / LABELS_STEP))

STEREO_PAIR = "stereo_pair"
"""The two pictures, put there by the supervisor once: whoever reads them from a file needs a second for its imports."""

HEAD_BYTES = 1024
"""More than what the codec adds to the pair, or to what travels with a call."""


class Variable(NamedTuple):
    """One variable, its writer and its readers."""

    name: str
    writer: str
    readers: tuple[str, ...]
    format: np.dtype[Any]


VARIABLES = {
    variable.name: variable
    for variable in (
        Variable("frame", "camera", ("controller",), sealed_format(("pixels", "u1", FRAME_SHAPE))),
        Variable(
            "pose",
            "camera",
            ("controller",),
            sealed_format(("phase", "f8"), ("top", "i4"), ("left", "i4"), ("eye", "S8")),
        ),
        Variable("labels", "model", ("controller",), sealed_format(("segments", "u2", LABELS_SHAPE))),
        Variable(
            "statistics",
            "model",
            ("controller",),
            sealed_format(("largest", "f8"), ("brightness", "f8"), ("segments", "u4")),
        ),
        Variable(
            "command",
            "controller",
            ("camera",),
            sealed_format(("velocity", "f8"), ("steering", "f8"), ("phase", "f8"), ("stop", "?")),
        ),
    )
}

SEGMENT = "segment"
"""The function that the model serves and the controller calls: a frame to its labels, both sealed by the camera."""

FRAME, LABELS = VARIABLES["frame"].format, VARIABLES["labels"].format

TELEMETRY = "telemetry"
"""The channel by which the model tells the supervisor how it fares."""

ROLES = ("camera", "model", "controller")

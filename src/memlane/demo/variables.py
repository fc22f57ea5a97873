"""Which variables there are, who writes each and who reads it."""

from __future__ import annotations

import math
from typing import NamedTuple

FRAME_SHAPE = (400, 600, 3)
"""Rows, columns and colours of a frame: a crop of the 500 x 741 pictures."""

LABELS_STEP = 6
"""The model looks at every sixth row and column: felzenszwalb then takes some 4 ms, also on a busy machine."""

STEREO_PAIR = "stereo_pair"
"""The two pictures, put there by the supervisor once: whoever reads them from a file needs a second for its imports."""

HEAD_BYTES = 1024
"""More than what `seal` adds to a payload, and what the codec adds to both."""


class Variable(NamedTuple):
    """One variable, its writer and its readers."""

    name: str
    writer: str
    readers: tuple[str, ...]
    max_size: int


_frame_bytes = FRAME_SHAPE[0] * FRAME_SHAPE[1] * FRAME_SHAPE[2]
_label_bytes = 2 * math.ceil(FRAME_SHAPE[0] / LABELS_STEP) * math.ceil(FRAME_SHAPE[1] / LABELS_STEP)

VARIABLES = {
    variable.name: variable
    for variable in (
        Variable("frame", "camera", ("model", "controller"), _frame_bytes + HEAD_BYTES),
        Variable("pose", "camera", ("controller",), HEAD_BYTES),
        Variable("labels", "model", ("controller",), _label_bytes + HEAD_BYTES),
        Variable("statistics", "model", ("controller",), HEAD_BYTES),
        Variable("command", "controller", ("camera",), HEAD_BYTES),
    )
}

ROLES = ("camera", "model", "controller")

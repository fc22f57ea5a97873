"""The real input: the pair of pictures that scikit-image brings along."""

from __future__ import annotations

from typing import Any

import numpy as np
import skimage.data


def load_pair() -> Any:
    """Return both pictures, left and right, as one array of bytes: eye, row, column, colour."""
    pictures: Any = skimage.data  # has no types
    left, right, _disparity = pictures.stereo_motorcycle()
    return np.stack([left, right])

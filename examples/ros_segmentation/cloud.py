"""Record a real cloud: the points of scikit-image's stereo pair, from its true disparities.

    python cloud.py cloud.npy

Writes an array of n x 4 float32: x, y, z in metres (right, down, forward, as cameras see it) and the brightness.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import skimage.data

# The calibration of the pictures as scikit-image has them, from the description of `stereo_motorcycle`.
FOCAL_LENGTH = 994.978  # pixels
CENTRE = (311.193, 254.877)  # pixels
DISPARITY_OFFSET = 31.086  # pixels
BASELINE = 0.193001  # metres


def stereo_cloud() -> np.ndarray[Any, Any]:
    """Return the point of each pixel whose disparity is known."""
    pictures: Any = skimage.data  # has no types
    left, _right, disparity = pictures.stereo_motorcycle()
    rows, columns = np.nonzero(np.isfinite(disparity))
    depth = BASELINE * FOCAL_LENGTH / (disparity[rows, columns] + DISPARITY_OFFSET)
    x = (columns - CENTRE[0]) * depth / FOCAL_LENGTH
    y = (rows - CENTRE[1]) * depth / FOCAL_LENGTH
    return np.column_stack([x, y, depth, left[rows, columns].mean(axis=1)]).astype(np.float32)


def main() -> None:
    """Write the cloud and say how many points it has."""
    cloud = stereo_cloud()
    np.save(sys.argv[1], cloud)
    print(f"{len(cloud)} points")


if __name__ == "__main__":
    main()

"""The model: takes the latest frame, finds what belongs together in it, and says what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.segmentation import felzenszwalb

from memlane.demo.variables import LABELS_STEP

if TYPE_CHECKING:
    from memlane.demo.station import Station

RESULTS_PER_SECOND = 40

PATIENCE_SECONDS = 0.02
"""How long the model waits for a frame before it goes on with the latest: results come without a camera."""


def segment_image(image: Any) -> Any:
    """Return the number of the segment that each pixel belongs to, on a coarser grid."""
    coarse = image[::LABELS_STEP, ::LABELS_STEP]
    return felzenszwalb(coarse, scale=100, sigma=0.5, min_size=20).astype(np.uint16)


def describe(labels: Any, image: Any) -> dict[str, float]:
    """Return how many segments there are, the share of the largest one, and the brightness of the image."""
    areas = np.bincount(labels.ravel())
    return {
        "segments": len(areas),
        "largest": float(areas.max() / labels.size),
        "brightness": float(image[::LABELS_STEP, ::LABELS_STEP].mean()),
    }


def work(station: Station) -> None:
    """Publish labels and statistics of the latest frame, again and again."""
    frame = station.reader("frame")
    labels, statistics = station.publisher("labels"), station.publisher("statistics")
    station.ready()
    for _ in station.beats(RESULTS_PER_SECOND):
        if not frame.wait_for_next(PATIENCE_SECONDS):
            frame.look()
        if frame.payload is not None:
            found = segment_image(frame.payload)
            labels.publish(found)
            statistics.publish(describe(found, frame.payload))

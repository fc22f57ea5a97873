"""The model: a function that finds what belongs together in a frame. It answers, and publishes what it found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, final

import numpy as np
from skimage.segmentation import felzenszwalb

from memlane.demo.report import Received, SawTorn, text_of
from memlane.demo.seal import Torn, seal, unseal
from memlane.demo.variables import FRAME, LABELS, LABELS_STEP

if TYPE_CHECKING:
    from memlane.demo.station import Station

LINES_PER_SECOND = 10


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


@final
class Model:
    """What the function does, and how it fares."""

    def __init__(self, station: Station) -> None:
        self._reports = station.reports
        self._labels, self._statistics = station.publisher("labels"), station.publisher("statistics")
        self._calls = 0
        self._seconds = 0.0

    def segment(self, frame: Any) -> Any:
        """Return the labels of a frame, under the frame's seal.

        Args:
            frame: As the camera sealed it: an array, or from C++ its bytes, and then the answer is bytes too.
        """
        began = time.monotonic()
        value = np.frombuffer(frame, FRAME)[0]
        asked = self._unseal(value)
        found = segment_image(value["pixels"])
        self._labels.publish(segments=found)
        self._statistics.publish(**describe(found, value["pixels"]))
        answer = seal(LABELS, asked, {"segments": found})
        self._calls += 1
        self._seconds += time.monotonic() - began
        return answer.tobytes() if isinstance(frame, bytes) else answer

    def _unseal(self, frame: Any) -> Any:
        try:
            asked = unseal(frame)
        except Torn as error:
            self._reports.send(SawTorn("frame", text_of(error), time.monotonic_ns()))
            raise
        self._reports.send(Received("frame", time.monotonic_ns()))
        return asked

    def __str__(self) -> str:
        return f"{self._calls} calls, {self._seconds * 1e3 / max(self._calls, 1):.1f} ms each"


def work(station: Station) -> None:
    """Serve, and say now and then how that goes."""
    model, speaker = Model(station), station.speaker()
    station.serve(model.segment)
    station.ready()
    for _ in station.beats(LINES_PER_SECOND):
        speaker.say(str(model))

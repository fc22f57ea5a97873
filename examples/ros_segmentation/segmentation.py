"""Segment every cloud that comes: the ground plane by RANSAC, the rest into clusters.

    python segmentation.py

Takes clouds from the share /cloud_share and puts a label for each point into /label_share: 0 is the ground, -1 is no
cluster, others are clusters. Runs until it is interrupted; may be killed and started again at any time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LinearRegression, RANSACRegressor
from sklearn.neighbors import KNeighborsClassifier

from memlane import NumpyShare

SIZE = "8M"
SAMPLE = 2_000  # points that are looked at closely; the others follow their neighbours
GROUND_THICKNESS = 0.02  # metres
CLUSTER_RADIUS = 0.05  # metres
CLUSTER_POINTS = 5
GROUND, NO_CLUSTER = 0, -1


def segment(cloud: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a label for each point of a cloud."""
    points = cloud[:, :3]
    random = np.random.default_rng(0)  # the same cloud gets the same labels
    sample = points[random.choice(len(points), min(SAMPLE, len(points)), replace=False)]
    ground = RANSACRegressor(LinearRegression(), residual_threshold=GROUND_THICKNESS, random_state=0)
    ground.fit(sample[:, [0, 2]], sample[:, 1])  # height over the plane that the camera moves in
    height = np.abs(points[:, 1] - ground.predict(points[:, [0, 2]]))
    labels = np.where(height < GROUND_THICKNESS, GROUND, NO_CLUSTER).astype(np.int32)
    rest = sample[np.abs(sample[:, 1] - ground.predict(sample[:, [0, 2]])) >= GROUND_THICKNESS]
    if len(rest):
        clusters = DBSCAN(eps=CLUSTER_RADIUS, min_samples=CLUSTER_POINTS).fit_predict(rest)
        nearest = KNeighborsClassifier(1).fit(rest, np.where(clusters < 0, NO_CLUSTER, clusters + 1))
        above = labels != GROUND
        labels[above] = nearest.predict(points[above])
    return labels


def main() -> None:
    """Answer clouds by labels."""
    cloud_share = NumpyShare("/cloud_share", SIZE, "get")
    label_share = NumpyShare("/label_share", SIZE, "put")
    print("segmentation: ready", flush=True)
    while True:
        label_share.put(segment(cloud_share.get()))


if __name__ == "__main__":
    main()

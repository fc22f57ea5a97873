# -*- coding: utf-8 -*-
"""Play a recorded cloud as a ROS node would, without ROS: for Python 2.7 to the newest.

    python2.7 replay.py cloud.npy COUNT

Puts the cloud into /cloud_share, slightly turned each time, takes the labels from /label_share, and prints clouds per
second and latencies. A cloud whose labels do not come in time is put again: who segments may have been killed.
"""

from __future__ import division, print_function

import sys
import time

import numpy

try:
    from memlane import NumpyShare, Timeout
except ImportError:
    from memlane_compat import NumpyShare, Timeout

SIZE = "8M"
PATIENCE = 2.0  # seconds until a cloud is put again


def turned(cloud, angle):
    """The cloud as a robot sees it that has turned."""
    cosine, sine = numpy.cos(angle), numpy.sin(angle)
    result = cloud.copy()
    result[:, 0] = cosine * cloud[:, 0] + sine * cloud[:, 2]
    result[:, 2] = cosine * cloud[:, 2] - sine * cloud[:, 0]
    return result


def ask(cloud_share, label_share, cloud):
    """Return the labels of a cloud, and how often it had to be put again."""
    repeated = 0
    label_share.clear()  # labels of a cloud that was given up
    while True:
        cloud_share.put(cloud)
        try:
            labels = label_share.get(timeout=PATIENCE)
        except Timeout:
            repeated += 1
            continue
        if len(labels) != len(cloud):
            sys.exit("%d labels came for %d points" % (len(labels), len(cloud)))
        return labels, repeated


def main(path, count):
    """Play it."""
    cloud_share = NumpyShare("/cloud_share", SIZE, "put")
    label_share = NumpyShare("/label_share", SIZE, "get")
    cloud = numpy.load(path)
    seconds, again, began = [], 0, time.time()
    for number in range(int(count)):
        before = time.time()
        labels, repeated = ask(cloud_share, label_share, turned(cloud, number * 0.001))
        seconds.append(time.time() - before)
        again += repeated
    seconds.sort()
    print("%d clouds of %d points, %d labels of ground" % (len(seconds), len(cloud), int((labels == 0).sum())))
    print("%.1f clouds/s, latency p50 %.0f ms, p99 %.0f ms, %d put again" % (
        len(seconds) / (time.time() - began), seconds[len(seconds) // 2] * 1000,
        seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)] * 1000, again))


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""Play a recording to the node and wait for the labels of each cloud: Python 2.7 (melodic) or 3, with roscore.

    python play_bag.py clouds.bag

Publishes the next cloud when the last one's labels came, prints a line for each, and at the end clouds per second and
latencies. A cloud whose labels never come ends it with status 1.
"""

from __future__ import division, print_function

import sys
import threading
import time

import rosbag
import rospy
from sensor_msgs.msg import PointCloud2

PATIENCE = 60.0  # seconds; who segments may be killed and started again meanwhile


def main(path):
    """Play it."""
    rospy.init_node("player")
    came, latest = threading.Event(), [None]

    def receive(message):
        latest[0] = message
        came.set()

    rospy.Subscriber("/segmentation_bridge/labels", PointCloud2, receive, queue_size=1, buff_size=1 << 24)
    publisher = rospy.Publisher("/segmentation_bridge/cloud", PointCloud2, queue_size=1)
    while publisher.get_num_connections() == 0:
        time.sleep(0.05)
    seconds, points, began = [], 0, time.time()
    with rosbag.Bag(path) as bag:
        for _, message, _ in bag.read_messages("/cloud"):
            came.clear()
            before = time.time()
            publisher.publish(message)
            if not came.wait(PATIENCE):
                sys.exit("the labels of cloud %d never came" % len(seconds))
            seconds.append(time.time() - before)
            if (latest[0].header.stamp, latest[0].width) != (message.header.stamp, message.width):
                sys.exit("the labels of cloud %d are those of another" % (len(seconds) - 1))
            points = message.width
            print("cloud %d: %.0f ms" % (len(seconds), seconds[-1] * 1000))
            sys.stdout.flush()
    elapsed = time.time() - began
    seconds.sort()
    print("%d clouds of %d points, none lost, %.1f clouds/s, latency p50 %.0f ms, p99 %.0f ms" % (
        len(seconds), points, len(seconds) / elapsed, seconds[len(seconds) // 2] * 1000,
        seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)] * 1000))


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""Make a recording for ROS of a recorded cloud: Python 2.7 (melodic) or 3.

    python record_bag.py cloud.npy clouds.bag COUNT

Writes COUNT PointCloud2 messages on /cloud, ten a second, each slightly turned.
"""

from __future__ import division, print_function

import sys

import numpy
import rosbag
import rospy
from std_msgs.msg import Header

from replay import turned
from ros_node import cloud_to_msg

PERIOD = 0.1  # seconds


def main(cloud_path, bag_path, count):
    """Record."""
    cloud = numpy.load(cloud_path)
    with rosbag.Bag(bag_path, "w") as bag:
        for number in range(int(count)):
            stamp = rospy.Time.from_sec(1 + number * PERIOD)
            header = Header(seq=number, stamp=stamp, frame_id="camera")
            bag.write("/cloud", cloud_to_msg(header, turned(cloud, number * 0.001)), stamp)
    print("%d clouds of %d points" % (int(count), len(cloud)))


if __name__ == "__main__":
    main(*sys.argv[1:])

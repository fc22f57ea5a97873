#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""A ROS node that has its clouds segmented by another interpreter: Python 2.7 (melodic) or 3.

Subscribes to ~cloud (sensor_msgs/PointCloud2), and publishes the same clouds on ~labels with a label for each point in
place of the intensity. Needs rospy and the messages; `replay.py` does the same without.
"""

from __future__ import division, print_function

import numpy
import rospy
from sensor_msgs.msg import PointCloud2, PointField

from replay import SIZE, NumpyShare, ask

NAMES = ("x", "y", "z", "intensity")
FIELDS = [
    PointField(name=name, offset=4 * place, datatype=PointField.FLOAT32, count=1) for place, name in enumerate(NAMES)
]


def msg_to_cloud(message):
    """The points of a message as an array of n x 4; without an intensity it is 0. Points that are not finite stay out."""
    places = dict([(field.name, field.offset) for field in message.fields if field.datatype == PointField.FLOAT32])
    points = numpy.frombuffer(message.data, numpy.uint8).reshape(-1, message.point_step)
    cloud = numpy.zeros((len(points), len(NAMES)), numpy.float32)
    for column, name in enumerate(NAMES):
        if name in places:
            taken = numpy.ascontiguousarray(points[:, places[name] : places[name] + 4])
            cloud[:, column] = taken.view(">f4" if message.is_bigendian else "<f4")[:, 0]
    return cloud[numpy.isfinite(cloud[:, :3]).all(axis=1)]


def cloud_to_msg(header, cloud):
    """An array of n x 4 as a message."""
    points = numpy.ascontiguousarray(cloud, "<f4")
    return PointCloud2(
        header=header, height=1, width=len(points), fields=FIELDS, is_bigendian=False, point_step=16,
        row_step=16 * len(points), data=points.tobytes(), is_dense=True,
    )


def label_to_msg(header, cloud, labels):
    """The points with their labels as a message."""
    return cloud_to_msg(header, numpy.column_stack([cloud[:, :3], labels.astype(numpy.float32)]))


def main():
    """Serve until ROS ends."""
    rospy.init_node("segmentation_bridge")
    cloud_share = NumpyShare("/cloud_share", SIZE, "put")
    label_share = NumpyShare("/label_share", SIZE, "get")
    publisher = rospy.Publisher("~labels", PointCloud2, queue_size=1)

    def receive(message):
        cloud = msg_to_cloud(message)
        labels, _ = ask(cloud_share, label_share, cloud)
        publisher.publish(label_to_msg(message.header, cloud, labels))

    rospy.Subscriber("~cloud", PointCloud2, receive, queue_size=1, buff_size=1 << 24)
    rospy.spin()


if __name__ == "__main__":
    main()

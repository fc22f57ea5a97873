#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""A ROS node that has its clouds segmented by another interpreter: Python 2.7 (melodic) or 3.

Subscribes to ~cloud (sensor_msgs/PointCloud2), and publishes the same clouds on ~labels with a label for each point in
place of the intensity. Needs rospy and the messages; `replay.py` does the same without.
"""

from __future__ import division, print_function

import numpy
import rospy
from sensor_msgs import point_cloud2
from sensor_msgs.msg import PointCloud2, PointField

from replay import SIZE, NumpyShare, ask

FIELDS = [
    PointField(name=name, offset=4 * place, datatype=PointField.FLOAT32, count=1)
    for place, name in enumerate(("x", "y", "z", "intensity"))
]


def msg_to_cloud(message):
    """The points of a message as an array of n x 4."""
    names = [field.name for field in message.fields]
    wanted = ("x", "y", "z", "intensity") if "intensity" in names else ("x", "y", "z")
    points = numpy.array(list(point_cloud2.read_points(message, wanted, skip_nans=True)), numpy.float32)
    if len(wanted) == 4 or not len(points):
        return points.reshape(-1, 4)
    return numpy.column_stack([points, numpy.zeros(len(points), numpy.float32)])


def label_to_msg(header, cloud, labels):
    """The points with their labels as a message."""
    labelled = numpy.column_stack([cloud[:, :3], labels.astype(numpy.float32)])
    return point_cloud2.create_cloud(header, FIELDS, labelled)


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

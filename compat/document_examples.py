# -*- coding: utf-8 -*-
"""The examples of the document that shared maps come from, in the interpreter that runs this: Python 2.7 to the newest.

    document_examples.py maps | arrays | ros_node COUNT | segmentator COUNT

In a namespace of its own ($MEMLANE_DIR). They are programs as users have them, with another line of import; numpy is
needed by all but the first. `ros_node` and `segmentator` belong together, each in its own interpreter. Ends with an
error where something else comes out than the document says.
"""

from __future__ import print_function

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memlane_compat as io_shared
from memlane_compat import NumpyShare, RWSharedMMap, SharedMMap, UnsafeSharedMMap

CLOUD = (150000, 4)


def maps():
    """The basic example: bytes in maps of each kind."""
    said = []
    data = b'Hello, World!!!'
    shm = UnsafeSharedMMap('/my_share', 15)
    shm.write(data)
    shm.seek(0)
    said.append(shm.readline())
    shm.close()

    shm = SharedMMap('/my_share', 15)
    try:
        shm.write(data)
    except io_shared.WriteAccessError:
        said.append('Oops')
    with shm.lock():
        shm.write(data)

    shm.seek(0)

    try:
        said.append(shm.readline())
    except io_shared.ReadAccessError:
        said.append('Oops')
    with shm.lock():
        said.append(shm.readline())

    shm = RWSharedMMap('/my_share', 15)
    with shm.lock_write():
        shm.write(data)

    shm.seek(0)

    with shm.lock_read():
        said.append(shm.readline())

    assert said == [data, 'Oops', 'Oops', data, data], said


def arrays():
    """An array, saved to a map as to a file and loaded from it."""
    import numpy as np

    arr = np.array([1, 2, 3], dtype=np.float32)

    shm = RWSharedMMap('/my_arrays', '1M')

    shm.seek(0)
    with shm.lock_write():
        np.save(shm, arr)

    shm.seek(0)
    with shm.lock_read():
        arr2 = np.load(shm)

    assert arr2.dtype == arr.dtype and arr2.tolist() == arr.tolist(), arr2


def model(cloud):
    """Label what is above the ground."""
    return (cloud[:, 2] > 0).astype('u1')


def ros_node(count):
    """Clouds there, labels back."""
    import numpy as np

    cloud_share = NumpyShare('/cloud_share', '5M', 'put')
    label_share = NumpyShare('/label_share', '5M', 'get')
    for number in range(count):
        cloud = np.random.RandomState(number).normal(size=CLOUD).astype(np.float32)
        cloud_share.put(cloud)
        label = label_share.get()
        assert label.dtype == np.uint8 and np.array_equal(label, model(cloud)), number


def segmentator(count):
    """Labels for each cloud."""
    cloud_share = NumpyShare('/cloud_share', '5M', 'get')
    label_share = NumpyShare('/label_share', '5M', 'put')
    for _ in range(count):
        cloud = cloud_share.get()
        label_share.put(model(cloud))


EXAMPLES = {"maps": maps, "arrays": arrays, "ros_node": ros_node, "segmentator": segmentator}


if __name__ == "__main__":
    EXAMPLES[sys.argv[1]](*[int(number) for number in sys.argv[2:]])

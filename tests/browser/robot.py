"""A program that shares one object of each kind, and keeps them moving."""

from __future__ import annotations

import datetime as dt
import math
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

import memlane
from memlane.buffer import BufferStore, DeviceUID

if TYPE_CHECKING:
    from tests.peer import Link

DEVICE = DeviceUID(7, 0, 1)
DEVICE_NAME = BufferStore.name_of("servo-motor", int(DEVICE))
STRANGE = "<img src=x onerror=alert(1)>"
CATALOG: dict[str, Any] = {
    "servo-motor": {
        "device_id": 7,
        "params": [
            {"name": name, "type": "float", "lower": -1, "upper": 1, "writeable": True} for name in ("servo0", "servo1")
        ],
    }
}
IMU = np.dtype([("stamp", "f8"), ("acceleration", "f4", (3,)), ("temperature", "f4")])
_PERIOD = 0.02
_ROWS, _COLUMNS = np.mgrid[0:120, 0:160]
_ANGLES = np.linspace(0, 2 * math.pi, 720)
_DIRECTIONS = np.random.default_rng(1).normal(size=(4000, 3))
_DIRECTIONS /= np.linalg.norm(_DIRECTIONS, axis=1)[:, None]


class Robot:
    """The endpoints, and what moves them."""

    def __init__(self, stack: ExitStack) -> None:
        def variable(name: str, **options: Any) -> memlane.HostVariable:
            return stack.enter_context(memlane.HostVariable(name, **options))

        self.pose = variable("pose")
        self.imu = variable("imu", data_format=IMU)
        self.camera = variable("camera", max_size=1 << 17)
        self.lidar = variable("lidar", max_size=1 << 17)
        self.scan = variable("scan", max_size=1 << 14)
        self.started = variable("started")
        self.started.data = dt.timedelta(seconds=2)
        self.strange = variable(STRANGE)
        self.strange.data = {"<script>alert(2)</script>": "<b onclick=alert(3)>bold</b>"}
        self.telemetry = stack.enter_context(memlane.open_channel("telemetry", memlane.CHAN_W, 4096))
        self.listener = stack.enter_context(memlane.open_channel("telemetry", memlane.CHAN_R))
        self.told = b"battery 12.0 V\n"
        self.telemetry.write(self.told)
        stack.enter_context(memlane.RWSharedMMap("map", 4096))
        stack.enter_context(memlane.SharedAssign("goal", 4096, "put")).put({"x": 3, "y": 4})
        dispatcher = stack.enter_context(memlane.HostFunctionDispatcher())
        dispatcher.add("plan", lambda step: step)
        dispatcher.start()
        self.plan = stack.enter_context(memlane.HostFunctionCaller("plan"))
        self.motor = stack.enter_context(BufferStore(BufferStore.make_catalog(CATALOG))).get_or_open(int(DEVICE))
        self.motor.write("servo1", 0.5)

    def move(self, step: int) -> None:
        """Go on by one period."""
        now = step * _PERIOD
        self.pose.data = {"x": math.cos(now), "y": math.sin(now), "joints": [0.1 * step, 0.2 * step], "mode": "drive"}
        self.imu.data = np.array((now, (math.sin(3 * now), math.cos(2 * now), 9.81), 40 + math.sin(now)), IMU)
        self.motor.set("servo0", math.sin(now))
        self.plan(step)
        if step % 5 == 0:
            waves = [np.sin(_COLUMNS / 9 + now), np.sin(_ROWS / 7 - now), np.sin((_COLUMNS + _ROWS) / 15 + now)]
            self.camera.data = (128 + 127 * np.stack(waves, axis=-1)).astype("u1")
            self.lidar.data = (_DIRECTIONS * (1 + 0.2 * np.sin(6 * _DIRECTIONS[:, :1] + now))).astype("f4")
            self.scan.data = (2 + np.sin(3 * _ANGLES + now)).astype("f4")
            self.tell(f"battery {12 + math.sin(now):.1f} V\n".encode())

    def tell(self, line: bytes) -> None:
        """Write a line; the one before has been read by then."""
        self.listener.read_bytes(len(self.told))
        self.telemetry.write(line)
        self.told = line


def run(link: Link) -> None:
    """Move until killed."""
    with ExitStack() as stack:
        robot = Robot(stack)
        link.send("ready")
        step = 0
        while True:
            robot.move(step)
            step += 1
            time.sleep(_PERIOD)  # its rhythm; nobody waits for it

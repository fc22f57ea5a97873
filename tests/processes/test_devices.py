"""Serial lines: emulated devices on pseudo-terminals, served as real ones would be."""

from __future__ import annotations

import asyncio
import doctest
import logging
import math
import statistics
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from memlane.buffer import BufferStore, DeviceBuffer, DeviceUID
from memlane.devices import DeviceServer, EmulatedDevice, framing
from tests.peer import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()
TYPES = [name for name, kind in BufferStore.make_catalog(CATALOG).items() if issubclass(kind, DeviceBuffer)]


class Robot:
    """Devices, and the server that speaks with them, in one event loop."""

    def __init__(self, folder: Path, types: list[str], **options: Any) -> None:
        self.store = BufferStore(BufferStore.make_catalog(CATALOG))
        self.devices = []
        for number, name in enumerate(types):
            kind: Any = self.store.catalog[name]
            uid = DeviceUID(kind.device_id, 0, number + 1)
            self.devices.append(EmulatedDevice(kind, uid, folder / f"port{number}", seed=number, **options))
        self.server = DeviceServer(self.store, [device.link for device in self.devices], scan_interval=0.05)

    async def play(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run everything while a scenario goes on."""
        tasks = [asyncio.create_task(device.run()) for device in self.devices]
        tasks.append(asyncio.create_task(self.server.run()))
        try:
            await scenario()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.store.close()
            self.store.unlink_all()

    def buffer(self, number: int = 0) -> DeviceBuffer:
        """Return the shared buffer of a device."""
        return self.store.get_or_open(int(self.devices[number].buffer.uid))

    def is_there(self, number: int = 0) -> bool:
        """Say whether a device's buffer is valid."""
        line = self.server.lines.get(self.devices[number].link)
        return line is not None and line.buffer is not None and line.buffer.valid


async def until(condition: Callable[[], object], what: str) -> None:
    """Let the loop run until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.005)


def test_examples_of_the_framing_run() -> None:
    """They say what a frame is."""
    assert doctest.testmod(framing).failed == 0


@pytest.mark.slow
def test_device_is_found_and_reports_what_it_measures(namespace: Path, tmp_path: Path) -> None:
    """A student's program sees it without a word about serial lines."""
    robot = Robot(tmp_path, ["potentiometer"])

    async def scenario() -> None:
        await until(robot.is_there, "the device is found")
        robot.devices[0].buffer.set("pot1", 0.5)
        await until(lambda: robot.buffer().get("pot1") == 0.5, "its value arrives")
        assert robot.buffer().subscription == {"pot0", "pot1", "pot2"}
        assert robot.buffer().interval == 0.04

    asyncio.run(robot.play(scenario))


@pytest.mark.slow
def test_requests_reach_the_device_and_come_back_as_data(namespace: Path, tmp_path: Path) -> None:
    """That is how a program drives a motor."""
    robot = Robot(tmp_path, ["polar-bear"])

    async def scenario() -> None:
        await until(robot.is_there, "the device is found")
        robot.buffer().write("duty_cycle", -0.5)
        await until(lambda: robot.devices[0].buffer.get("duty_cycle") == -0.5, "the motor turns")
        await until(lambda: robot.buffer().get("duty_cycle") == -0.5, "and says so")

    asyncio.run(robot.play(scenario))


@pytest.mark.slow
def test_unplugged_device_is_invalid_and_comes_back(namespace: Path, tmp_path: Path) -> None:
    """Plugs on robots are loose."""
    robot = Robot(tmp_path, ["servo-motor", "limit-switch"])

    async def scenario() -> None:
        for _ in range(2):
            await until(lambda: robot.is_there(0) and robot.is_there(1), "both are there")
            robot.devices[0].unplug()
            await until(lambda: not robot.is_there(0), "it is noticed")
            assert robot.is_there(1)
            robot.devices[0].plug()
        await until(robot.is_there, "it is back")
        counters = robot.server.counters[robot.devices[0].link]
        assert (counters.connects, counters.disconnects) == (3, 2)

    asyncio.run(robot.play(scenario))


@pytest.mark.slow
def test_damaged_bytes_are_counted_and_change_no_value(
    namespace: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A line beside a motor carries noise."""
    caplog.set_level(logging.WARNING, "memlane.devices")
    sent: set[float] = {0.0}
    seen: set[float] = set()

    def act(buffer: DeviceBuffer, now: float) -> None:
        value = float(round(math.sin(now) * 100))
        sent.add(value)
        buffer.set("pot0", value)

    robot = Robot(tmp_path, ["potentiometer"], act=act, corrupt=0.01)

    async def scenario() -> None:
        await until(robot.is_there, "the device is found")
        counters = robot.server.counters[robot.devices[0].link]
        while counters.bad_frames < 5:
            if robot.is_there():
                seen.add(robot.buffer().get("pot0"))
            await asyncio.sleep(0.005)
        assert counters.frames > counters.bad_frames

    asyncio.run(robot.play(scenario))

    assert seen <= sent
    assert robot.devices[0].damaged_bytes > 0
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) <= 3


@pytest.mark.slow
def test_ten_devices_are_served_by_one_process(namespace: Path, tmp_path: Path) -> None:
    """A robot has about so many; writes reach each of them."""
    robot = Robot(tmp_path, [*TYPES, "servo-motor"])
    motor = len(TYPES)
    latencies: list[float] = []

    async def scenario() -> None:
        await until(lambda: all(map(robot.is_there, range(len(robot.devices)))), "all are found")
        for turn in range(25):
            target = 1.0 if turn % 2 else -1.0
            begin = time.monotonic()
            robot.buffer(motor).write("servo0", target)
            while robot.devices[motor].buffer.get("servo0") != target:  # noqa: ASYNC110  (the time is what is measured)
                await asyncio.sleep(0)
            latencies.append(time.monotonic() - begin)
            await asyncio.sleep(0.05)
        assert all(counters.bad_frames == 0 for counters in robot.server.counters.values())

    asyncio.run(robot.play(scenario))
    print(f"a write reaches its device within {statistics.median(latencies) * 1000:.2f} ms (p50 of {len(latencies)})")

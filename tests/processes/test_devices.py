"""Serial lines: emulated devices on pseudo-terminals, served as real ones would be."""

from __future__ import annotations

import asyncio
import doctest
import logging
import math
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memlane.buffer import BufferStore
from memlane.devices import framing
from memlane.errors import Timeout
from memlane.messaging import Message, ParameterMap
from tests.children import fork_and_leave
from tests.peer import PATIENCE_SECONDS, wait_until
from tests.processes.robot import CATALOG, Robot, until, work
from tests.terminals import CTRL_C, on_a_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from memlane.buffer import DeviceBuffer


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
def test_device_is_not_silent_because_its_server_stood_still(
    namespace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that stops for a while stops both: nobody was asked meanwhile, so nobody could answer."""
    robot = Robot(tmp_path, ["limit-switch"])
    stood_still = 0.0

    async def scenario() -> None:
        nonlocal stood_still
        await until(robot.is_there, "the device is found")
        counters = robot.server.counters[robot.devices[0].link]
        loop = asyncio.get_running_loop()
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + stood_still)
        for _ in range(20):
            heard = counters.frames
            stood_still += 60
            await until(lambda heard=heard: counters.frames > heard, "it is heard")  # type: ignore[misc]
        assert counters.disconnects == 0

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
def test_child_that_leaves_the_loop_leaves_the_devices_to_its_parent(namespace: Path, tmp_path: Path) -> None:
    """It has the ports and the epoll of its parent, and ends as Python does: what runs is cancelled and closed."""
    parent = os.getpid()
    robot = Robot(tmp_path, ["polar-bear"])
    device = robot.devices[0]

    def is_asked() -> bool:
        try:
            return bool(device.buffer.wait(["duty_cycle"], 0, requests=True))
        except Timeout:
            return False

    async def scenario() -> None:
        await until(robot.is_there, "the device is found")
        param = device.buffer.params["duty_cycle"]
        values = ParameterMap({param.id: struct.pack("<f", 0.5)})
        robot.server.lines[device.link].send(Message.make_dev_write(1 << param.id, values))
        await asyncio.sleep(0)  # at the fork the loop is about to read what was sent
        fork_and_leave()
        await until(is_asked, "it arrives")
        await until(robot.is_there, "the device is there")
        await until(lambda: os.path.islink(device.link), "it is under its link")

    try:
        asyncio.run(robot.play(scenario))
    finally:
        if os.getpid() != parent:
            os._exit(0)


@pytest.mark.slow
def test_ten_devices_are_served_by_one_process(namespace: Path) -> None:
    """A robot has about so many, on lines that carry noise, and its plugs are loose."""
    trial = work(seconds=3, replug_seconds=0.5, corrupt=0.001)

    assert trial.latencies
    assert trial.replugs
    print(trial.report())


def commands(folder: Path) -> tuple[Path, list[str], list[str]]:
    """Return a terminal, what plays a device on it, and what serves that."""
    link = folder / "limit-switch-0"
    command = [sys.executable, "-m", "memlane", "devices"]
    emulate = [*command, "emulate", "--device", "limit-switch", "--links", str(folder)]
    return link, emulate, [*command, "serve", "--port", str(link)]


@pytest.mark.slow
def test_commands_say_what_they_wait_for_and_leave_nothing(namespace: Path, tmp_path: Path) -> None:
    """Who starts them in the wrong order sees why nothing happens yet."""
    link, emulate, serve = commands(tmp_path)
    with (
        subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as server,
        BufferStore(BufferStore.make_catalog(CATALOG)) as store,
    ):
        assert server.stderr is not None
        assert server.stderr.readline() == f"INFO no {link} yet: looking again every 0.5 s\n"
        with subprocess.Popen(emulate, stdout=subprocess.PIPE, text=True) as device:
            assert device.stdout is not None
            assert device.stdout.readline() == f"{link}\n"
            assert server.stderr.readline() == f"INFO {link}: rt-limit-switch-1\n"
            assert store["limit-switch", 1].valid
            device.terminate()
            assert device.wait(PATIENCE_SECONDS) == 0
        assert not link.is_symlink()
        while "is not there any more" not in server.stderr.readline():
            pass
        assert not store["limit-switch", 1].valid
        server.terminate()
        assert server.wait(PATIENCE_SECONDS) == 0


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_ends_the_commands_and_leaves_nothing(namespace: Path, tmp_path: Path) -> None:
    """That is how they are ended mostly: the status says it, the device counts as gone, the link is removed."""
    link, emulate, serve = commands(tmp_path)
    with BufferStore(BufferStore.make_catalog(CATALOG)) as store, on_a_terminal(emulate) as (terminal, device):
        assert device.stdout is not None
        assert device.stdout.readline() == f"{link}\n"
        wait_until(link.is_symlink, "the device is plugged in")
        with on_a_terminal(serve) as (server_terminal, server):
            assert server.stderr is not None
            assert server.stderr.readline() == f"INFO {link}: rt-limit-switch-1\n"
            assert store["limit-switch", 1].valid

            os.write(server_terminal, CTRL_C)

            _, complained = server.communicate(timeout=PATIENCE_SECONDS)
            gone = f"INFO {link}: rt-limit-switch-1 is not there any more: its line is closed\n"
            assert (server.returncode, complained) == (130, gone)
        assert not store["limit-switch", 1].valid
        assert link.is_symlink()

        os.write(terminal, CTRL_C)

        said = device.communicate(timeout=PATIENCE_SECONDS)
        assert (device.returncode, *said) == (130, "", "")
        assert list(tmp_path.iterdir()) == []

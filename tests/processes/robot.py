"""A robot of emulated devices and their server in one event loop, and what its lines must stand.

    python -m tests.processes.robot --seconds 600

is the long form: ten devices at 115,200 bits per second report 25 times a second and are asked as often besides; one
byte in a thousand arrives damaged, plugs are pulled, and every value that anybody sees must have been measured.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections import Counter
from importlib import resources
from typing import TYPE_CHECKING, Any

from memlane.buffer import BufferStore, DeviceBuffer, DeviceBufferError, DeviceUID
from memlane.devices import DeviceServer, EmulatedDevice
from memlane.devices.framing import Framer
from memlane.errors import MessageError
from memlane.messaging import Message, ParameterMap
from tests.peer import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()
TYPES = [name for name, kind in BufferStore.make_catalog(CATALOG).items() if issubclass(kind, DeviceBuffer)]
BAUD_RATE = 115_200
BITS_OF_A_BYTE = 10
MOTOR = "servo0"  # what is written
# What a device measures is a multiple of this below the largest: damage hardly makes another one of it.
GRAIN, LARGEST = 1 / 64, 64.0
# Messages under way when counters are compared, and such as both delimiters around them were damaged.
UNDER_WAY = 5


class Robot:
    """Devices, and the server that speaks with them, in one event loop."""

    def __init__(self, folder: str | Path, types: list[str], **options: Any) -> None:
        self.store = BufferStore(BufferStore.make_catalog(CATALOG))
        self.devices = []
        for number, name in enumerate(types):
            kind: Any = self.store.catalog[name]
            uid = DeviceUID(kind.device_id, 0, number + 1)
            self.devices.append(NoisyDevice(kind, uid, f"{folder}/port{number}", seed=number, **options))
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

    def are_all_there(self) -> bool:
        """Say whether every device's buffer is valid."""
        return all(map(self.is_there, range(len(self.devices))))


class NoisyDevice(EmulatedDevice):
    """A device whose damage the protocol can see.

    One byte that is damaged in a run of equal COBS codes, as zeros make them, can give another message of the same
    length and checksum (docs/reference/smart-device-messages.md). No receiver can tell, so such damage is drawn anew,
    and counted.
    """

    invisible = 0

    def _damaged(self, content: bytes) -> bytes:
        while True:
            before = self.damaged_bytes
            damaged = super()._damaged(content)
            if damaged == content or not any(map(is_message, Framer().feed(damaged))):
                return damaged
            self.damaged_bytes = before
            self.invisible += 1


def is_message(frame: bytes) -> bool:
    """Say whether a receiver takes a frame."""
    try:
        Message.decode(frame)
    except MessageError:
        return False
    return True


async def until(condition: Callable[[], object], what: str) -> None:
    """Let the loop run until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.005)


def measure(buffer: DeviceBuffer, now: float) -> None:
    """Set what only the device sets to a new grain."""
    value = round(now * 1000) % int(LARGEST / GRAIN) * GRAIN
    with buffer.transaction():
        for param in buffer.params.values():
            if param.readable and not param.writeable and isinstance(buffer.get(param.name), float):
                buffer.set(param.name, value)
        buffer.get_update()


def is_measured(value: float) -> bool:
    """Say whether a device can have measured, or been told, a value."""
    return -LARGEST <= value <= LARGEST and value % GRAIN == 0


def line_seconds(buffer: DeviceBuffer, name: str) -> float:
    """Return how long the line is busy with one write."""
    param = buffer.params[name]
    message = Message.make_dev_write(1 << param.id, ParameterMap({param.id: bytes(4)}))
    return (len(message.encode()) + 2) * BITS_OF_A_BYTE / BAUD_RATE


class Trial:
    """The robot at work for a while, and what was seen of it.

    Args:
        robot: Ten devices.
        seconds: How long.
        replug_seconds: Between two pulled plugs.
    """

    def __init__(self, robot: Robot, seconds: float, replug_seconds: float) -> None:
        self.robot = robot
        self.seconds = seconds
        self.replug_seconds = replug_seconds
        self.looks = self.replugs = 0
        # By device: messages that it sent while nobody may have listened.
        self.unheard: Counter[int] = Counter()
        self.wrong: list[tuple[str, str, float]] = []
        self.latencies: list[float] = []

    async def run(self) -> None:
        """Look, write, ask and pull plugs until the time is over."""
        await until(self.robot.are_all_there, "all are found")
        for number, device in enumerate(self.robot.devices):
            self.unheard[number] = device.messages_sent
        end = time.monotonic() + self.seconds
        tasks = [
            asyncio.create_task(self._repeat(end, self._look, 0.01)),
            asyncio.create_task(self._repeat(end, self._ask, 0.02)),
            asyncio.create_task(self._repeat(end, self._write, 0.1)),
            asyncio.create_task(self._repeat(end, self._replug, self.replug_seconds)),
        ]
        await asyncio.gather(*tasks)
        await until(self.robot.are_all_there, "all are there at the end")

    async def _repeat(self, end: float, step: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        while time.monotonic() < end:
            await asyncio.sleep(pause)
            await step()

    def _present(self) -> Iterator[tuple[int, DeviceBuffer]]:
        for number in range(len(self.robot.devices)):
            if self.robot.is_there(number):
                yield number, self.robot.buffer(number)

    async def _look(self) -> None:
        for _, buffer in self._present():
            for name, value in buffer._values("update").items():
                self.looks += 1
                if isinstance(value, float) and not is_measured(value):
                    self.wrong.append((buffer.name, name, value))

    async def _ask(self) -> None:
        """Read all of each device but the motor: bursts to one device are its ``write_interval`` apart."""
        for _, buffer in self._present():
            if MOTOR not in buffer.params:
                buffer.read()

    async def _write(self) -> None:
        """Turn a motor, and see when it does; what was lost on the way to it is written again."""
        number = next(n for n, device in enumerate(self.robot.devices) if MOTOR in device.buffer.params)
        target = -self.robot.devices[number].buffer.get(MOTOR) or 1.0
        begin = time.monotonic()
        try:
            self.robot.buffer(number).write(MOTOR, target)
            while self.robot.devices[number].buffer.get(MOTOR) != target:
                await asyncio.sleep(0)
                if time.monotonic() > begin + 1:
                    return  # the plug was pulled meanwhile
        except DeviceBufferError:
            return
        self.latencies.append(time.monotonic() - begin - line_seconds(self.robot.buffer(number), MOTOR))

    async def _replug(self) -> None:
        number = self.replugs % len(self.robot.devices)
        device = self.robot.devices[number]
        sent = device.messages_sent
        device.unplug()
        await until(lambda: not self.robot.is_there(number), "a pulled plug is noticed")
        device.plug()
        await until(lambda: self.robot.is_there(number), "it is back")
        self.unheard[number] += device.messages_sent - sent + UNDER_WAY
        self.replugs += 1

    def check(self) -> None:
        """Object to wrong values and wrong counters."""
        assert self.wrong == [], self.wrong
        assert self.looks > 0
        for number, device in enumerate(self.robot.devices):
            counters = self.robot.server.counters[device.link]
            whole = device.messages_sent - device.damaged_messages
            unheard = UNDER_WAY + self.unheard[number]
            assert 0 <= whole - counters.frames <= unheard, (device.link, whole, counters)
            assert counters.bad_frames <= 2 * device.damaged_bytes + self.replugs, (device.link, counters)
            assert counters.bad_frames >= device.damaged_messages - unheard, (device.link, counters)

    def report(self) -> str:
        """Return the figures."""
        counters = list(self.robot.server.counters.values())
        messages, bad_frames = sum(each.frames for each in counters), sum(each.bad_frames for each in counters)
        invisible = sum(device.invisible for device in self.robot.devices)
        p50 = statistics.median(self.latencies) * 1000
        return (
            f"{self.looks:,} values looked at, {len(self.wrong)} wrong; {messages:,} messages and {bad_frames:,} bad"
            f" frames arrived; {invisible} damages that no receiver can see were drawn anew; {self.replugs} plugs"
            f" pulled; a write takes {p50:.2f} ms more than the line (p50 of {len(self.latencies)})"
        )


def work(seconds: float, replug_seconds: float, corrupt: float) -> Trial:
    """Let ten devices work, and check what was seen."""
    types = list(itertools.islice(itertools.cycle(TYPES), 10))
    with tempfile.TemporaryDirectory() as folder:
        robot = Robot(folder, types, act=measure, corrupt=corrupt, baud_rate=BAUD_RATE)
        trial = Trial(robot, seconds, replug_seconds)
        asyncio.run(robot.play(trial.run))
    trial.check()
    return trial


def main() -> None:
    """Run the long form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--replug", type=float, default=20, help="seconds between two pulled plugs")
    parser.add_argument("--corrupt", type=float, default=0.001, help="part of the bytes that arrive damaged")
    arguments = parser.parse_args()
    print(work(arguments.seconds, arguments.replug, arguments.corrupt).report())


if __name__ == "__main__":
    main()

"""A process that speaks with all devices of a robot."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from memlane.buffer import BufferStore, DeviceBuffer, DeviceBufferError, DeviceUID
from memlane.devices.line import Line, LineCounters
from memlane.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("memlane.devices")

BAUD_RATE = 115200
SCAN_SECONDS = 0.5


class DeviceServer:
    """Finds devices on serial ports, fills their buffers, and sends what others write and request.

    A device's buffer is valid as long as the device answers. A port that goes is looked for again, as one that comes.

    Args:
        store: Opens the buffers; its catalog says which types there are.
        ports: Paths of serial ports. None: all that the system has.
        baud_rate: Of the lines, in bits per second.
        scan_interval: Seconds between two looks for ports.
    """

    def __init__(
        self,
        store: BufferStore,
        ports: Iterable[str] | None = None,
        *,
        baud_rate: int = BAUD_RATE,
        scan_interval: float = SCAN_SECONDS,
    ) -> None:
        self.store = store
        self.lines: dict[str, Line] = {}
        """The open ones, by path."""
        self.counters: dict[str, LineCounters] = {}
        """Of every port that was ever open, by path."""
        self._ports = None if ports is None else list(ports)
        self._baud_rate = baud_rate
        self._scan_interval = scan_interval
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Serve until cancelled; then every device counts as gone."""
        if not self._present():
            wanted = "this machine has no serial port" if self._ports is None else f"no {' and no '.join(self._ports)}"
            logger.info("%s yet: looking again every %g s", wanted, self._scan_interval)
        try:
            while True:
                for path in self._present():
                    if path not in self.lines:
                        self._open(path)
                await asyncio.sleep(self._scan_interval)
        finally:
            for line in list(self.lines.values()):
                line.close()
            await asyncio.gather(*self._tasks)

    def _present(self) -> list[str]:
        if self._ports is not None:
            return [path for path in self._ports if os.path.exists(path)]
        from serial.tools import list_ports  # noqa: PLC0415  (only who asks the system needs it)

        return [port.device for port in list_ports.comports()]

    def _open(self, path: str) -> None:
        try:
            import serial  # noqa: PLC0415  (of an extra)
        except ImportError as error:
            raise MissingDependency("serial ports need pyserial: pip install 'memlane[devices]'") from error
        try:
            port = serial.Serial(path, self._baud_rate, timeout=0, write_timeout=0)
        except OSError as error:  # pyserial's own exception is one too
            level = logging.DEBUG if path in self._refused else logging.WARNING
            logger.log(level, "%s cannot be opened, and is tried again: %s", path, error)
            self._refused.add(path)
            return
        self._refused.discard(path)
        line = self.lines[path] = Line(port, self._adopt, self.counters.setdefault(path, LineCounters()))
        task = asyncio.get_running_loop().create_task(self._serve(path, line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, path: str, line: Line) -> None:
        try:
            await line.run()
        finally:
            line.close()
            del self.lines[path]

    def _adopt(self, identity: DeviceUID) -> DeviceBuffer:
        for line in self.lines.values():
            if line.buffer is not None and line.buffer.uid == identity:
                raise DeviceBufferError(f"{line.path} has a device with this identity already", uid=int(identity))
        return self.store.get_or_open(int(identity))

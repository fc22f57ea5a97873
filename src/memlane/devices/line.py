"""One serial line, and the device at its end."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memlane._native.fork import Owner
from memlane.buffer import DeviceBuffer, DeviceBufferError, DeviceUID
from memlane.devices.framing import Framer, framed
from memlane.errors import Closed, Error, MessageError, Timeout
from memlane.messaging import Message, MessageType

if TYPE_CHECKING:
    from collections.abc import Callable

    import serial

logger = logging.getLogger("memlane.devices")

READ_BYTES = 4096
PING_SECONDS = 0.25
# Twice in its interval: a device that hears nothing for that long makes itself safe.
HEARTBEATS_PER_INTERVAL = 2
# A device answers each heartbeat; after so many intervals without an answer it is not there. Heartbeats are counted and
# not seconds: where the machine stands still, nobody asks either.
SILENT_INTERVALS = 3
REQUEST_WAIT_SECONDS = 0.5


@dataclass
class LineCounters:
    """What happened on one line since it was opened first."""

    bytes_received: int = 0
    bytes_sent: int = 0
    frames: int = 0
    """That were messages."""
    bad_frames: int = 0
    """That were none, or whose values no buffer takes."""
    messages_sent: int = 0
    connects: int = 0
    disconnects: int = 0


class Line:
    """Speaks with the device at the end of one open port. It stays with the parent of a fork.

    Args:
        port: A serial port that does not block.
        adopt: Gives the buffer of a device that introduced itself; `DeviceBufferError` or `KeyError` refuse it.
        counters: Goes on where an earlier line at this port stopped.
    """

    def __init__(self, port: serial.Serial, adopt: Callable[[DeviceUID], DeviceBuffer], counters: LineCounters) -> None:
        self.path: str = port.port
        self.counters = counters
        self.buffer: DeviceBuffer | None = None
        self._owner = Owner()  # where that is the parent, it speaks with the device, and the loop has its epoll
        self._port = port
        self._adopt = adopt
        self._framer = Framer()
        self._outgoing = bytearray()
        self._loop = asyncio.get_running_loop()
        self._unanswered = 0  # heartbeats since it was heard last
        self._next_write = 0.0
        self._write_timer: asyncio.TimerHandle | None = None
        self._heartbeats = itertools.cycle(range(256))
        self._logged = False
        self.lost = asyncio.Event()
        """Set when the port has gone."""
        self._loop.add_reader(port.fileno(), self._receive)

    # -- bytes -----------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        if self._owner.is_parent:
            return
        try:
            content = self._port.read(READ_BYTES)
        except OSError as error:  # pyserial's own exception is one too
            self._lose(str(error))
            return
        self.counters.bytes_received += len(content)
        for frame in self._framer.feed(content):
            self._take(frame)

    def send(self, message: Message) -> None:
        """Send a message as soon as the line takes it."""
        self._outgoing += framed(message)
        self.counters.messages_sent += 1
        self._flush()

    def _flush(self) -> None:
        if self.lost.is_set() or self._owner.is_parent:
            return
        try:
            sent = self._port.write(bytes(self._outgoing)) or 0
        except OSError as error:
            self._lose(str(error))
            return
        del self._outgoing[:sent]
        self.counters.bytes_sent += sent
        if self._outgoing:
            self._loop.add_writer(self._port.fileno(), self._flush)
        else:
            self._loop.remove_writer(self._port.fileno())

    def _lose(self, reason: str) -> None:
        if not self.lost.is_set():
            logger.info("%s: the port has gone: %s", self.path, reason)
            self.close()

    # -- messages --------------------------------------------------------------------------------------------

    def _take(self, frame: bytes) -> None:
        try:
            message = Message.decode(frame)
            self._heed(message)
        except (MessageError, DeviceBufferError, KeyError) as error:
            self._note_bad(error)
            return
        self.counters.frames += 1
        self._unanswered = 0

    def _note_bad(self, error: Exception) -> None:
        self.counters.bad_frames += 1
        logger.log(
            logging.DEBUG if self._logged else logging.WARNING,
            "%s: a bad frame was skipped, further ones are counted: %s", self.path, error,
        )  # fmt: skip
        self._logged = True

    def _heed(self, message: Message) -> None:
        if message.type is MessageType.SUB_RES:
            self._introduce(message)
        elif message.type is MessageType.HB_REQ:
            self.send(Message.make_hb_res(message.read_hb_req()))
        elif message.type is MessageType.ERROR:
            logger.debug("%s: the device refused a message: %r", self.path, message.read_error())
        elif message.type is MessageType.DEV_DATA and self.buffer is not None:
            self.buffer.update(message)

    def _introduce(self, message: Message) -> None:
        identity = DeviceUID(*message.read_sub_res()[2])
        if self.buffer is not None and self.buffer.uid == identity:
            self.buffer.update(message)
            return
        self._forget("another device answers")
        buffer = self._adopt(identity)
        buffer.valid = True
        buffer.update(message)
        self.buffer = buffer
        self.counters.connects += 1
        logger.info("%s: %s", self.path, buffer.name)
        self.send(buffer.make_sub_req())
        # One thread for each device sleeps until somebody requests something.
        threading.Thread(target=self._watch, args=(buffer,), name=f"memlane {self.path}", daemon=True).start()
        self.pump()

    def _forget(self, reason: str) -> None:
        if self.buffer is None:
            return
        logger.info("%s: %s is not there any more: %s", self.path, self.buffer.name, reason)
        self.counters.disconnects += 1
        try:
            self.buffer.valid = False
        except Error as error:  # the buffer is closed or damaged, and so not valid for anybody
            logger.debug("%s: %s", self.path, error)
        self.buffer = None

    # -- requests --------------------------------------------------------------------------------------------

    def _watch(self, buffer: DeviceBuffer) -> None:
        """Run in a thread: hand each request to the event loop. Ends with the validity of the buffer."""
        # RuntimeError: the loop has ended.
        with suppress(DeviceBufferError, Closed, RuntimeError):
            while self.buffer is buffer:
                with suppress(Timeout):
                    buffer.wait(timeout=REQUEST_WAIT_SECONDS, requests=True)
                    self._loop.call_soon_threadsafe(self.pump)

    def pump(self) -> None:
        """Send what is requested: at once, but two bursts not closer than the type's ``write_interval``."""
        if self.buffer is None or self._write_timer is not None or self._owner.is_parent:
            return
        now = self._loop.time()
        if now < self._next_write:
            self._write_timer = self._loop.call_at(self._next_write, self._pump_late)
            return
        self._next_write = now + self.buffer.write_interval
        try:
            for message in self.buffer.emit_dev_rw():
                self.send(message)
        except MessageError as error:
            logger.warning("%s: %s", self.path, error)
        except (DeviceBufferError, Closed) as error:
            self._forget(str(error))

    def _pump_late(self) -> None:
        self._write_timer = None
        self.pump()

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask who is there, and keep asking whether it still is, until the port has gone."""
        while not self.lost.is_set():
            if self.buffer is None:
                self.send(Message.make_ping())
                pause = PING_SECONDS
            else:
                pause = self.buffer.heartbeat_interval / HEARTBEATS_PER_INTERVAL
                if self._unanswered == SILENT_INTERVALS * HEARTBEATS_PER_INTERVAL:
                    self._forget("it is silent")
                    continue
                self._unanswered += 1
                self.send(Message.make_hb_req(next(self._heartbeats)))
            try:
                await asyncio.wait_for(self.lost.wait(), pause)
            except asyncio.TimeoutError:
                continue

    def close(self) -> None:
        """Let go of the port; the device counts as gone. May be called twice."""
        if self.lost.is_set():
            return
        self.lost.set()
        if not self._owner.is_parent:
            self._loop.remove_reader(self._port.fileno())
            self._loop.remove_writer(self._port.fileno())
            self._forget("its line is closed")
        if self._write_timer is not None:
            self._write_timer.cancel()
        self._port.close()

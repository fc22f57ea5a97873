"""Smart Devices that are played on pseudo-terminals."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import random
import tty
import warnings
from typing import TYPE_CHECKING

from memlane._native.fork import Owner
from memlane.devices.framing import Framer, framed
from memlane.errors import MessageError
from memlane.messaging import ErrorCode, Message, MessageType

if TYPE_CHECKING:
    from collections.abc import Callable

    from memlane.buffer import DeviceBuffer, DeviceUID

READ_BYTES = 4096
# A device that hears nothing valid for so long makes itself safe.
SILENCE_SECONDS = 1.0
TICK_SECONDS = 0.02
BITS_OF_A_BYTE = 10  # one to start and one to stop


class EmulatedDevice:
    """Plays one device: answers as the protocol says, reports what is subscribed, and makes itself safe in silence.

    Args:
        kind: Its type, from a catalog.
        uid: Who it is.
        link: Where a symbolic link leads to its terminal while it is plugged in.
        act: Called at each tick with the buffer and the time; sets what the device measures.
        corrupt: The part of its bytes that arrive damaged, 0 to 1.
        baud_rate: Bits per second of its line, ten to a byte, each way. None: as fast as the terminal.
        seed: Of the damage.
    """

    def __init__(
        self,
        kind: type[DeviceBuffer],
        uid: DeviceUID,
        link: str | os.PathLike[str],
        *,
        act: Callable[[DeviceBuffer, float], None] | None = None,
        corrupt: float = 0.0,
        baud_rate: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.buffer = kind.attach()
        self.buffer.valid = True
        self.buffer.update(Message.make_sub_res(0, 0, *uid))
        self.link = os.fspath(link)
        self.messages_sent = 0
        self.damaged_messages = 0
        self.damaged_bytes = 0
        self._act = act
        self._corrupt = corrupt
        self._inbound = _Wire(baud_rate, self._arrive)
        self._outbound = _Wire(baud_rate, self._put_out)
        self._random = random.Random(seed)  # noqa: S311  (noise, no secret)
        self._framer = Framer()
        self._owner = Owner()  # where that is the parent, it plays the device, and the loop has its epoll
        self._master = -1
        self._slave = -1
        self._heard = 0.0
        self._next_report = 0.0

    # -- the plug --------------------------------------------------------------------------------------------

    def plug(self) -> None:
        """Appear as a terminal under the link."""
        self._owner = Owner()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.link)
        os.symlink(os.ttyname(self._slave), self.link)
        self._heard = asyncio.get_running_loop().time()
        asyncio.get_running_loop().add_reader(self._master, self._receive)

    def unplug(self) -> None:
        """Vanish, but not from the parent of a fork. May be called twice."""
        if self._master < 0:
            return
        self._inbound.cut()
        self._outbound.cut()
        if not self._owner.is_parent:
            asyncio.get_running_loop().remove_reader(self._master)
            os.unlink(self.link)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    async def run(self) -> None:
        """Play until cancelled; then unplug."""
        self.plug()
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._tick(loop.time())
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self.unplug()

    def _tick(self, now: float) -> None:
        if self._act is not None:
            self._act(self.buffer, now)
        if now - self._heard > SILENCE_SECONDS:
            self._disable()
        if self.buffer.interval and now >= self._next_report:
            self._next_report = now + self.buffer.interval
            for message in self.buffer.emit_subscription():
                self._send(message)

    # -- messages --------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        if self._owner.is_parent:
            return
        try:
            content = os.read(self._master, READ_BYTES)
        except (BlockingIOError, OSError):
            return  # nobody has the terminal open
        self._inbound.carry(content)

    def _arrive(self, content: bytes) -> None:
        for frame in self._framer.feed(content):
            self._take(frame)

    def _take(self, frame: bytes) -> None:
        try:
            self._heed(Message.decode(frame))
        except MessageError as error:
            self._send(Message.make_error(error.context.get("code", ErrorCode.GENERIC_ERROR)))
        else:
            self._heard = asyncio.get_running_loop().time()

    def _heed(self, message: Message) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # limits of a subscription: the answer says what it is
            self.buffer.update(message)
        if message.type in {MessageType.PING, MessageType.SUB_REQ}:
            self._send(self.buffer.make_sub_res())
        elif message.type is MessageType.DEV_WRITE:
            self._answer(self._apply())
        elif message.type is MessageType.DEV_READ:
            self._answer(self.buffer.get_read())
        elif message.type is MessageType.HB_REQ:
            self._send(Message.make_hb_res(message.read_hb_req()))
        elif message.type is MessageType.DEV_DISABLE:
            self._disable()

    def _apply(self) -> list[str]:
        """Do what was written; return what can be read of it."""
        readable = []
        with self.buffer.transaction():
            for name, value in self.buffer.get_write().items():
                if self.buffer.params[name].readable:
                    self.buffer.set(name, value)
                    readable.append(name)
        return readable

    def _answer(self, names: list[str]) -> None:
        """Report some values, whether they are subscribed or not."""
        with self.buffer.transaction():
            self.buffer.get_update()
            params, interval, identity = self.buffer.make_sub_res().read_sub_res()
            self.buffer.update(Message.make_sub_res(0, interval, *identity))
            for name in names:
                self.buffer.set(name, self.buffer.get(name))
            messages = list(self.buffer.emit_dev_data())
            self.buffer.update(Message.make_sub_res(params, interval, *identity))
        for message in messages:
            self._send(message)

    def _disable(self) -> None:
        """Make itself safe: what can be written goes to zero."""
        with self.buffer.transaction():
            for name, param in self.buffer.params.items():
                if param.writeable and param.readable:
                    zero = type(self.buffer.get(name))() if not isinstance(self.buffer.get(name), list) else None
                    if zero is not None:
                        self.buffer.set(name, zero)
            self.buffer.get_update()

    def _send(self, message: Message) -> None:
        if self._master < 0:
            return
        content = framed(message)
        damaged = self._damaged(content)
        self.messages_sent += 1
        self.damaged_messages += damaged != content
        self._outbound.carry(damaged)

    def _put_out(self, content: bytes) -> None:
        if self._owner.is_parent:
            return
        # Where nobody reads the terminal's buffer is full, and the bytes are lost.
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, content)

    def _damaged(self, content: bytes) -> bytes:
        if not self._corrupt:
            return content
        damaged = bytearray(content)
        for index in range(len(damaged)):
            if self._random.random() < self._corrupt:
                damaged[index] ^= self._random.randrange(1, 256)
                self.damaged_bytes += 1
        return bytes(damaged)


class _Wire:
    """One direction of a line: bytes arrive in order, each after the time that its bits take."""

    def __init__(self, baud_rate: int | None, arrive: Callable[[bytes], None]) -> None:
        self._seconds_each = 0.0 if baud_rate is None else BITS_OF_A_BYTE / baud_rate
        self._arrive = arrive
        self._busy_until = 0.0
        self._under_way: collections.deque[asyncio.TimerHandle] = collections.deque()

    def carry(self, content: bytes) -> None:
        """Let the bytes arrive, the last of them when its time has come."""
        if not self._seconds_each:
            self._arrive(content)
            return
        loop = asyncio.get_running_loop()
        self._busy_until = max(loop.time(), self._busy_until) + len(content) * self._seconds_each
        self._under_way.append(loop.call_at(self._busy_until, self._end, content))

    def _end(self, content: bytes) -> None:
        self._under_way.popleft()
        self._arrive(content)

    def cut(self) -> None:
        """Let nothing arrive that is still under way."""
        while self._under_way:
            self._under_way.popleft().cancel()

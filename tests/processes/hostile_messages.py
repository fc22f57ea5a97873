"""Random bytes for `decode` and `update`, as a long form of the property-based tests.

    python -m tests.processes.hostile_messages --seconds 3600

Frames are noise, damaged messages, and messages with payloads that were never made for the device. Whatever arrives is
digested, or refused by a `MessageError` that changed nothing.
"""

from __future__ import annotations

import argparse
import random
import time
import warnings
from collections import Counter

from memlane.buffer import DeviceBuffer
from memlane.devices.framing import Framer
from memlane.errors import MessageError
from memlane.messaging import Message, MessageType
from tests.unit.test_buffer import PARAMETERS
from tests.unit.test_messaging import frame_of, sealed

Device = DeviceBuffer.make_type("hostile", PARAMETERS)
TYPES = list(MessageType)


def a_packet(noise: random.Random) -> bytes:
    """Return type, length, payload and checksum, of which something may be wrong."""
    payload = noise.randbytes(noise.choice((0, 1, 2, 3, 4, 6, 10, 15, 100, 255)))
    if len(payload) >= 2 and noise.random() < 0.7:  # a bitmap that a device may have
        payload = noise.randrange(64).to_bytes(2, "little") + payload[2:]
    return sealed(bytes((noise.choice(TYPES), len(payload))) + payload)


def a_frame(noise: random.Random) -> bytes:
    """Return what may stand between two delimiters."""
    kind = noise.randrange(4)
    if kind == 0:
        return noise.randbytes(noise.randrange(300))
    frame = bytearray(frame_of(a_packet(noise)))
    if kind == 1:
        frame[noise.randrange(len(frame))] = noise.randrange(256)
    elif kind == 2:
        del frame[noise.randrange(len(frame)) :]
    return bytes(frame)


def bombard(seed: int, rounds: int) -> Counter[str]:
    """Let frames arrive, and count what became of them. Another error than a `MessageError` passes through."""
    noise = random.Random(seed)
    framer, outcomes = Framer(), Counter[str]()
    buffer = Device.attach()
    buffer.valid = True
    for _ in range(rounds):
        for frame in framer.feed(a_frame(noise) + b"\0"):
            outcomes[digest(buffer, frame)] += 1
        if noise.random() < 0.1:
            take(buffer)
    return outcomes


def digest(buffer: DeviceBuffer, frame: bytes) -> str:
    """Return what became of a frame."""
    before = buffer.version
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # intervals beyond their limits
            buffer.update(Message.decode(frame))
    except MessageError:
        assert buffer.version == before, f"{frame.hex()} was refused, and changed something"
        return "refused"
    return "digested"


def take(buffer: DeviceBuffer) -> None:
    """Emit what was stored: each message can be sent, and read again."""
    for messages in (buffer.emit_dev_rw(), buffer.emit_dev_data(), buffer.emit_subscription()):
        for message in messages:
            assert Message.decode(message.encode()) == message


def main() -> None:
    """Bombard until the time is over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    end, seed, total = time.monotonic() + arguments.seconds, arguments.seed, Counter[str]()
    while time.monotonic() < end:
        total += bombard(seed, 10_000)
        seed += 1
    print(", ".join(f"{count:,} {outcome}" for outcome, count in total.items()))


if __name__ == "__main__":
    main()

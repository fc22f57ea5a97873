"""A gamepad: each packet from the driver's computer becomes one state of a plain buffer."""

from __future__ import annotations

import math
import sys
import time
from importlib import resources

from memlane.buffer import Buffer, BufferStore

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()
PACKET_SECONDS = 0.02


def take_packet(gamepad: Buffer, angle: float) -> None:
    """Set all that a packet says at once: no program sees the one stick moved and the other one not yet."""
    with gamepad.transaction():
        gamepad.set("joystick_left_x", math.cos(angle))
        gamepad.set("joystick_left_y", math.sin(angle))
        gamepad.set("button_a", math.sin(angle) > 0)


def main(packets: int = 100) -> int:
    """Turn the stick round and round."""
    with BufferStore(BufferStore.make_catalog(CATALOG)) as store:
        gamepad = store.get_or_open(("gamepad", 0))
        for packet in range(packets):
            take_packet(gamepad, packet / 10)
            time.sleep(PACKET_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

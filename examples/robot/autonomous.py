"""A student's program: drive until the line ends. It needs the buffers, and knows nothing of serial lines."""

from __future__ import annotations

import sys
from importlib import resources

from memlane.buffer import BufferStore, DeviceBuffer, DeviceBufferError
from memlane.errors import Timeout

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()


def wait_for(store: BufferStore, type_name: str) -> DeviceBuffer:
    """Return the first device of a type, as soon as somebody serves one."""
    for present in store.watch(timeout=30):
        for name, uid in present:
            if name == type_name and store[name, uid].valid:
                found: DeviceBuffer = store[name, uid]
                return found
    raise AssertionError  # watch() never ends by itself


def drive(motor: DeviceBuffer, eyes: DeviceBuffer, steps: int) -> None:
    """Follow the line: the further it is to one side, the slower the wheel there turns."""
    for step, seen in enumerate(eyes.changes(timeout=5), start=1):
        motor.write("duty_cycle", max(-1.0, min(1.0, 0.5 - seen.get("left", 0.0) / 2)))
        if step == steps:
            return


def main(steps: int = 50) -> int:
    """Drive some steps, and stop."""
    with BufferStore(BufferStore.make_catalog(CATALOG)) as store:
        motor, eyes = wait_for(store, "polar-bear"), wait_for(store, "line-follower")
        try:
            drive(motor, eyes, steps)
            motor.write("duty_cycle", 0.0)
        except (DeviceBufferError, Timeout) as error:
            print(f"the drive is over: {error}")
            return 1
        print(f"drove {steps} steps: {motor}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

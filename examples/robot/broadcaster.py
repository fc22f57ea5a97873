"""A broadcaster: prints what changes on the robot, a line of JSON each time, for whoever listens."""

from __future__ import annotations

import json
import sys
import threading
import time
from importlib import resources

from memlane.buffer import Buffer, BufferStore, DeviceBufferError
from memlane.errors import Closed, Timeout

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()
SCAN_SECONDS = 0.2


def shown(value: object) -> object:
    """Return what JSON can say of a value."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def tell(buffer: Buffer) -> None:
    """Print the changes of one buffer until its device goes."""
    try:
        for changed in buffer.changes(timeout=60):
            print(json.dumps({buffer.name: {name: shown(value) for name, value in changed.items()}}), flush=True)
    except (DeviceBufferError, Closed, Timeout):
        return


def main(seconds: float = 10.0) -> int:
    """Listen to every buffer that appears."""
    end = time.monotonic() + seconds
    tellers: dict[tuple[str, int], threading.Thread] = {}
    with BufferStore(BufferStore.make_catalog(CATALOG)) as store:
        while time.monotonic() < end:
            for key in store.present():
                if store[key].valid and not (key in tellers and tellers[key].is_alive()):
                    tellers[key] = threading.Thread(target=tell, args=(store[key],), daemon=True)
                    tellers[key].start()
            time.sleep(SCAN_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))

"""What a device buffer costs (scenario S7): values, transactions, messages, catalogs, a thousand devices.

    python benchmarks/buffers.py

Each figure is the least of several rounds. A mutex of `multiprocessing.shared_memory`'s kind is the base: what the
old system paid for each access was a lock and an unlock of a process-shared one.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from importlib import resources
from typing import TYPE_CHECKING

from memlane.buffer import BufferStore, DeviceBuffer, DeviceUID
from memlane.messaging import Message

if TYPE_CHECKING:
    from collections.abc import Callable

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()
CALLS, ROUNDS, SETS, DEVICES = 5_000, 9, 8, 1_000


def least_ns(call: Callable[[], object], calls: int = CALLS) -> float:
    """Return the nanoseconds of one call."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for _ in range(calls):
            call()
        times.append((time.perf_counter_ns() - begin) / calls)
    return min(times)


def set_eight(buffer: DeviceBuffer) -> None:
    """Set a value eight times in one transaction."""
    with buffer.transaction():
        for _ in range(SETS):
            buffer.set("left", 0.5)


def update_and_emit(buffer: DeviceBuffer, message: Message) -> None:
    """Store values and report them."""
    buffer.update(message)
    for _ in buffer.emit_dev_data():
        pass


def do_nothing(buffer: DeviceBuffer) -> None:
    """Begin a transaction and end it: a lock and an unlock."""
    with buffer.transaction():
        pass


def pair(lock: object) -> None:
    """Take and give back a lock of the standard library."""
    with lock:  # type: ignore[attr-defined]  # of multiprocessing
        pass


def measure_calls(buffer: DeviceBuffer) -> None:
    """Print what each call costs."""
    message = Message.make_dev_data(7, {0: b"\0\0\0?", 1: b"\0\0\0?", 2: b"\0\0\0?"})
    frame = message.encode()
    lock = multiprocessing.get_context("fork").Lock()
    rows: dict[str, Callable[[], object]] = {
        "multiprocessing.Lock, a pair": lambda: pair(lock),
        "get of a float": lambda: buffer.get("left"),
        "set of a float": lambda: buffer.set("left", 0.5),
        "write of a float": lambda: buffer.write("target", 0.5),
        "empty transaction": lambda: do_nothing(buffer),
        "transaction of 8 sets": lambda: set_eight(buffer),
        "decode of DEV_DATA, 3 values": lambda: Message.decode(frame),
        "update by it": lambda: buffer.update(message),
        "decode and update": lambda: buffer.update(Message.decode(frame)),
        "update and emit_dev_data": lambda: update_and_emit(buffer, message),
    }
    for name, call in rows.items():
        print(f"{name:32} {least_ns(call):10,.0f} ns")


def measure_stores() -> None:
    """Print what a catalog and a thousand devices cost."""
    print(
        f"{'the catalog of the examples':32} {least_ns(lambda: BufferStore.make_catalog(CATALOG), 10) / 1e6:10.2f} ms"
    )
    with BufferStore(BufferStore.make_catalog(CATALOG)) as store:
        keys = [int(DeviceUID(0, 1, number)) for number in range(DEVICES)]
        begin = time.perf_counter()
        for key in keys:
            store.get_or_open(key)
        opened = time.perf_counter()
        values = [store[key].get("switch0") for key in keys]
        print(f"{'opening one of 1,000 devices':32} {(opened - begin) / DEVICES * 1e6:10,.1f} us")
        print(f"{'reading one of them by its key':32} {(time.perf_counter() - opened) / len(values) * 1e9:10,.0f} ns")
        store.unlink_all()


def main() -> None:
    """Print the figures."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * DEVICES), hard))
    raw = {
        "eyes": {
            "device_id": 99,
            "params": [
                *({"name": name, "type": "float"} for name in ("left", "center", "right")),
                {"name": "target", "type": "float", "lower": -1, "upper": 1, "writeable": True},
            ],
        }
    }
    with BufferStore(BufferStore.make_catalog(raw)) as store:
        eyes = store.get_or_open(int(DeviceUID(99, 0, 1)))
        measure_calls(eyes)
        store.unlink_all()
    measure_stores()


if __name__ == "__main__":
    main()

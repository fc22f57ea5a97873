"""``memlane devices serve`` and ``memlane devices emulate``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import signal
from importlib import resources
from typing import TYPE_CHECKING

from memlane.buffer import BufferStore, DeviceBuffer, DeviceUID
from memlane.devices.emulator import EmulatedDevice
from memlane.devices.server import BAUD_RATE, DeviceServer

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from memlane.buffer import Buffer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane devices`` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--catalog", help="a JSON or YAML file (default: the catalog of the examples)")
    common.add_argument("--verbose", action="store_true", help="say more on standard error")
    serve = actions.add_parser("serve", parents=[common], help="speak with the devices on serial ports")
    serve.add_argument(
        "--port", action="append", help="path of a serial port; may be repeated (default: all there are)"
    )
    serve.add_argument("--baud", type=int, default=BAUD_RATE, help="bits per second (default: %(default)s)")
    serve.add_argument("--directory", help="the namespace directory (default: $MEMLANE_DIR, else the user's own)")
    emulate = actions.add_parser("emulate", parents=[common], help="play devices on pseudo-terminals")
    emulate.add_argument("--links", default=".", help="folder of the links to the terminals (default: this one)")
    emulate.add_argument("--device", action="append", help="type to play; may be repeated (default: one of each)")
    emulate.add_argument("--baud", type=int, help="bits per second of their lines (default: no limit)")
    emulate.add_argument("--corrupt", type=float, default=0.0, help="part of the bytes that arrive damaged, 0 to 1")


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C, or SIGTERM."""
    level = logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(message)s")
    catalog = load_catalog(arguments.catalog)
    work = serve(arguments, catalog) if arguments.action == "serve" else emulate(arguments, catalog)
    if asyncio.run(until_told_to_end(work)) == signal.SIGINT:
        raise KeyboardInterrupt  # it is the caller's to say how that ends
    return 0


async def until_told_to_end(work: Coroutine[None, None, None]) -> signal.Signals | None:
    """Let Ctrl-C and SIGTERM end the work between two of its steps; return which of them did.

    So links and buffers are not left as they are, and nothing is torn in the middle of a step.
    """
    task = asyncio.ensure_future(work)
    told: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        told.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as of what a script starts in its background
            asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
    return told[0] if told else None


def load_catalog(path: str | None) -> dict[str, type[Buffer]]:
    """Make the types of a catalog's file, or of the shipped one."""
    if path is not None:
        with open(path, encoding="utf-8"):  # its absence is told as such, whatever its name looks like
            return BufferStore.make_catalog(os.path.abspath(path))
    return BufferStore.make_catalog(resources.files("memlane.buffer").joinpath("smart-devices.json").read_text())


async def serve(arguments: argparse.Namespace, catalog: dict[str, type[Buffer]]) -> None:
    """Speak with the devices."""
    with BufferStore(catalog, directory=arguments.directory) as store:
        await DeviceServer(store, arguments.port, baud_rate=arguments.baud).run()


def swing(buffer: DeviceBuffer, now: float) -> None:
    """Let what only the device sets move, so that there is something to see."""
    with buffer.transaction():
        for index, param in enumerate(buffer.params.values()):
            if param.readable and not param.writeable and isinstance(buffer.get(param.name), float):
                buffer.set(param.name, math.sin(now + index))
        buffer.get_update()


async def emulate(arguments: argparse.Namespace, catalog: dict[str, type[Buffer]]) -> None:
    """Play the devices."""
    smart = {name: kind for name, kind in catalog.items() if issubclass(kind, DeviceBuffer)}
    devices = []
    for number, name in enumerate(arguments.device or smart):
        if name not in smart:
            raise OSError(f"there is no Smart Device {name!r} in the catalog; it has: {', '.join(smart)}")
        kind = smart[name]
        uid = DeviceUID(kind.device_id, 0, number + 1)  # type: ignore[attr-defined]  # from the catalog
        link = os.path.join(arguments.links, f"{name}-{number}")
        options = {"act": swing, "corrupt": arguments.corrupt, "baud_rate": arguments.baud}
        devices.append(EmulatedDevice(kind, uid, link, **options))
        print(link, flush=True)  # noqa: T201 - what the other command is given
    await asyncio.gather(*(device.run() for device in devices))

"""``memlane watch``: each new value, as it comes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli.depiction import depict
from memlane.cli.get import add_pickles
from memlane.cli.given import positive, seconds
from memlane.cli.jsonable import jsonable
from memlane.cli.place import add_json, add_name, add_place, look, say, say_json
from memlane.errors import Empty, KindMismatch

if TYPE_CHECKING:
    import argparse

_HAS_NO_VALUE = ("channel", "function", "map")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane watch`` takes."""
    add_name(parser, what="of a variable, share or buffer")
    parser.add_argument(
        "--interval", type=seconds, default=0.1, metavar="S", help="seconds between looks (default: 0.1)"
    )
    parser.add_argument("--count", type=positive, metavar="N", help="end after N values (default: go on until Ctrl-C)")
    add_pickles(parser)
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the value whenever a look finds a newer version; what comes and goes between two looks is passed over."""
    item = look(arguments)
    if item.kind in _HAS_NO_VALUE:
        other = {"channel": "`memlane tail` follows it", "function": "`memlane top` shows its calls"}
        advice = other.get(item.kind, "`memlane get` shows its bytes")
        raise KindMismatch(f"{item.name!r} is a {item.kind}, which has no latest value: {advice}")
    seen, shown = 0, 0
    while arguments.count is None or shown < arguments.count:
        value = newer_than(seen, arguments)
        if value is None:
            time.sleep(arguments.interval)
            continue
        passed_over = value.version - seen - 1 if seen else 0
        show(value, passed_over, as_json=arguments.json)
        seen, shown = value.version, shown + 1
    return 0


def newer_than(seen: int, arguments: argparse.Namespace) -> inspect.Value | None:
    """Return the value where its version is another than what was seen; also a lower one: the object was made anew."""
    try:
        value = inspect.read(arguments.name, directory=arguments.directory, load_pickles=arguments.load_pickles)
    except Empty:
        return None
    return value if value.version != seen else None


def show(value: inspect.Value, passed_over: int, *, as_json: bool) -> None:
    """Print one value."""
    if as_json:
        say_json({"version": value.version, "written": value.written, "value": jsonable(value.value)})
        return
    stamp = time.strftime("%H:%M:%S", time.localtime(value.written)) + f".{int(value.written % 1 * 1000):03d}"
    skipped = f" ({passed_over} passed over)" if passed_over > 0 else ""
    say(f"[{value.version}] {stamp}{skipped}")
    say(depict(value.value))

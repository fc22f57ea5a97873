"""``memlane show``: all about one object, and its value."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memlane.cli import words
from memlane.cli.depiction import depict
from memlane.cli.get import add_pickles, content, content_json
from memlane.cli.jsonable import described
from memlane.cli.place import add_json, add_name, add_place, look, say, say_json
from memlane.cli.screen import show_table
from memlane.cli.who import rows_of
from memlane.errors import Empty

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from memlane import inspect

_SUM = "latency_ns"
"""A counter that is a sum of times."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane show`` takes."""
    add_name(parser)
    add_pickles(parser)
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show what the object is, who has it open, what was counted, and what it holds."""
    item = look(arguments)
    if arguments.json:
        say_json(described(item) | {"content": content_json(item, arguments)})
        return 0
    for name, text in facts(item):
        say(words.hanging(f"{name + ':':<14}", text))
    for line in item.schema:
        say(f"  {words.printable(line)}")
    if item.participants:
        say()
        heads, rows = rows_of(item)
        show_table(heads, rows)
    say()
    try:
        say(depict(content(item, arguments)))
    except Empty:
        say(_without_value(item.version or 0))
    return 0


def _without_value(version: int) -> str:
    return "taken, and given up" if version else "never written"


def facts(item: inspect.Object) -> Iterator[tuple[str, str]]:
    """Give what is told of every object, each with its name."""
    now = time.time()
    yield "name", item.name
    yield "kind", item.kind
    yield "sizes", ", ".join(f"{name}={size}" for name, size in item.limits.items())
    yield "memory", f"{words.size(item.allocated)} of {words.size(item.size)}"
    fate = "stays" if item.persistent else "goes with its last user"
    age = f"{words.duration(item.age)} ago" if item.age is not None else "before the machine was last started"
    yield (
        "made",
        f"{age} by user {item.creator}; mode {item.mode:03o}, {fate}",
    )
    yield "layout", f"{item.layout[0]}.{item.layout[1]}, identity {item.uuid}"
    yield "open", f"{len(item.alive)} of {item.places} places, {len(item.dead)} of dead processes"
    if item.version is not None:
        written = f"written {words.duration(now - item.written)} ago" if item.written else _without_value(item.version)
        yield "version", f"{item.version}, {written}, {words.size(item.value_size or 0)}"
        yield "slots", f"{item.slots_writing} being written or loaned, {item.slots_viewed} kept by views"
    if item.filled is not None:
        yield "stream", f"{item.filled} bytes wait, {item.position} were written"
    if item.calls_waiting is not None:
        yield "calls", f"{item.calls_waiting} wait, {item.calls_running} run, {item.calls_done} answered"
    yield "counted", ", ".join(f"{name} {count}" for name, count in item.counters.items() if name != _SUM)
    if item.counters.get("served"):
        yield "latency", f"{words.latency(item.counters[_SUM] / item.counters['served'] / 1e9)} on average"
    if item.waiting:
        yield "waiters", "somebody sleeps until something happens"
    if item.recovering:
        yield "lock", "its last owner died in it; the next one will be told"
    if item.schema:
        yield "schema", f"{len(item.schema)} lines"

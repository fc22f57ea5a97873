"""Looking at objects: one, or all of a namespace."""

from __future__ import annotations

import os
import time
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from memlane import settings
from memlane._native.inspect import Inspection, names_in
from memlane.errors import Error, ObjectNotFound
from memlane.inspect.records import Damaged, Object, Participant
from memlane.names import encoded_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from memlane.codec.fields import Layout

_NANOSECONDS = 1e9
_NO_COUNTER = ""
# In the order of the C enumerations memlane_counter and memlane_function_counter; "": this kind counts nothing there.
_COUNTERS = {
    "variable": ("writes", "reads", "bytes_written", "bytes_read", "superseded", "skipped", "retries", "recovered"),
    "share": ("puts", "gets", "bytes_put", "bytes_got", "superseded", _NO_COUNTER, "retries", "recovered"),
    "channel": ("writes", "reads", "bytes_written", "bytes_read", _NO_COUNTER, _NO_COUNTER, "waits", "recovered"),
    "function": ("calls", "served", "errors", "withdrawn", "abandoned", "orphaned", "dropped", "latency_ns"),
    "map": ("write_locks", "read_locks", *[_NO_COUNTER] * 5, "recovered"),
    "buffer": ("writes", "reads", *[_NO_COUNTER] * 4, "retries", "recovered"),
}
# Words of the geometry, under the names of the arguments that made them.
_LIMITS = {
    "variable": ("slots", "max_size"),
    "share": ("slots", "size"),
    "channel": ("chanSz",),
    "function": ("lanes", "slots", "max_sz_args", "max_sz_ret"),
    "map": ("size",),
    "buffer": ("slots", "record_size"),
}
SHARE_HEADROOM = 4096  # docs/format/share.md: what describes a value comes on top of the size
_REGISTERS = ("variable", "share", "buffer")


def names(directory: str | os.PathLike[str] | None = None) -> list[str]:
    """List the names in a namespace; a namespace that was never made has none.

    Args:
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
    """
    try:
        return sorted(names_in(settings.namespace_directory(directory)))
    except ObjectNotFound:
        return []


def is_asked_for(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is among names or patterns such as ``cam*``; where there are none, every name is."""
    asked = [pattern.removeprefix("/") for pattern in patterns]
    return not asked or any(name == pattern or fnmatchcase(name, pattern) for pattern in asked)


def look(name: str | bytes, *, directory: str | os.PathLike[str] | None = None) -> Object:
    """Look at one object.

    Args:
        name: As given to the object's class.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.

    Raises:
        ObjectNotFound: There is no such object.
        Corrupted: It is damaged; the message says how.
        LayoutMismatch: It was made by another build or machine.
        Error: Any other reason.
    """
    return _look(encoded_name(name), settings.namespace_directory(directory), _Clock())


def objects(directory: str | os.PathLike[str] | None = None) -> list[Object | Damaged]:
    """Look at every object of a namespace, in the order of their names.

    What goes while it is looked at is left out; what cannot be looked at is listed as `Damaged`.

    Args:
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
    """
    found = names(directory)
    place, clock = settings.namespace_directory(directory), _Clock()  # after the names: none is younger
    items = (_look_or_explain(name, place, clock) for name in found)
    return [item for item in items if item is not None]


def _look_or_explain(name: str, directory: bytes, clock: _Clock) -> Object | Damaged | None:
    """Return an object, or why it cannot be looked at; None where it went meanwhile."""
    try:
        return _look(encoded_name(name), directory, clock)
    except ObjectNotFound:
        return None
    except (Error, OSError, MemoryError) as error:
        return Damaged(name, type(error).__name__, str(error))


class _Clock:
    """What turns the times of the kernel into times of the wall; asked once for a whole listing."""

    def __init__(self) -> None:
        self.now = time.time()
        self.monotonic = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.boot = self.now - time.clock_gettime(time.CLOCK_BOOTTIME)
        self.ticks = os.sysconf("SC_CLK_TCK")

    def start(self, ticks: int) -> float | None:
        """Return when a process was started whose start time is this."""
        return self.boot + ticks / self.ticks if ticks else None


def _look(name: bytes, directory: bytes, clock: _Clock) -> Object:
    inspection = Inspection(name, directory)
    try:
        facts = inspection.facts()
        participants = inspection.participants()
        return _object(_display_name(name), facts, participants, _schema(inspection, facts["kind"]), clock)
    finally:
        inspection.close()


def _display_name(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape").removeprefix("/")


def _schema(inspection: Inspection, kind: str) -> tuple[str, ...]:
    if kind == "buffer":
        return tuple(inspection.schema().decode("utf-8", "replace").splitlines())
    if kind == "function":
        sides = {"arguments": inspection.layout(), "result": inspection.result_layout()}
        return tuple(line for side, layout in sides.items() if layout for line in _fields(layout, side))
    layout = inspection.layout()
    return tuple(_fields(layout)) if layout else ()


def _fields(layout: Layout, of: str = "") -> Iterator[str]:
    """Give a line for each field; a struct of one field without a name is that value alone."""
    for field in layout.fields:
        path = ".".join(filter(None, (of, field.path))) or "value"
        yield f"{path}: {field.kind} at byte {field.offset}"


def _counters(kind: str, counts: tuple[int, ...]) -> Mapping[str, int]:
    return MappingProxyType({name: count for name, count in zip(_COUNTERS[kind], counts, strict=True) if name})


def _participant(kind: str, facts: tuple[Any, ...], clock: _Clock) -> Participant:
    index, pid, thread, start, pid_namespace, roles, writes, views, calls, executes, alive, program, counts = facts
    return Participant(
        pid=pid,
        program=program,
        alive=alive,
        since=clock.start(start),
        roles=roles,
        slots_writing=writes,
        slots_viewed=views,
        calls=calls,
        executing=executes,
        index=index,
        thread=thread,
        pid_namespace=pid_namespace,
        counters=_counters(kind, counts),
    )


def _limits(kind: str, geometry: tuple[int, ...]) -> Mapping[str, int]:
    limits = dict(zip(_LIMITS[kind], geometry, strict=False))
    if kind == "share":
        limits["size"] -= SHARE_HEADROOM
    return MappingProxyType(limits)


def _object(
    name: str, facts: dict[str, Any], participants: list[tuple[Any, ...]], schema: tuple[str, ...], clock: _Clock
) -> Object:
    kind = facts["kind"]
    version, _, value_size, _, real_ns, _ = facts["latest"]
    has_value, is_channel, is_function = kind in _REGISTERS, kind == "channel", kind == "function"
    return Object(
        name=name,
        kind=kind,
        size=facts["size"],
        allocated=facts["allocated"],
        uuid=facts["uuid"].hex(),
        created=facts["created_real_ns"] / _NANOSECONDS,
        age=clock.monotonic - facts["created_monotonic_ns"] / _NANOSECONDS if facts["of_this_boot"] else None,
        creator=facts["creator"],
        owner=facts["owner"],
        mode=facts["permissions"],
        persistent=not facts["ephemeral"],
        layout=facts["layout"],
        schema=schema,
        limits=_limits(kind, facts["geometry"]),
        places=facts["places"],
        participants=tuple(_participant(kind, participant, clock) for participant in participants),
        counters=_counters(kind, facts["counters"]),
        waiting=facts["waiting"],
        recovering=facts["recovering"],
        version=version if has_value else None,
        value_size=value_size if has_value and real_ns else None,
        written=real_ns / _NANOSECONDS if has_value and real_ns else None,
        slots_writing=facts["slots_writing"] if has_value else None,
        slots_viewed=facts["slots_viewed"] if has_value else None,
        untaken=version != facts["taken"] if kind == "share" else None,
        filled=(facts["tail"] - facts["head"]) % (1 << 64) if is_channel else None,
        position=facts["tail"] if is_channel else None,
        calls_waiting=facts["calls_waiting"] if is_function else None,
        calls_running=facts["calls_running"] if is_function else None,
        calls_done=facts["calls_done"] if is_function else None,
    )

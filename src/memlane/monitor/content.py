"""What an object's page shows: all that is told of it, and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from memlane import inspect
from memlane.cli.flow import flow
from memlane.cli.jsonable import described
from memlane.errors import Empty, Error
from memlane.monitor.panel import Catalog, panel
from memlane.monitor.tree import tree

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable

_BYTES_SHOWN = 512


class Page(NamedTuple):
    """One object's page at one moment."""

    told: dict[str, Any]
    stamp: Hashable
    """What the value is told apart by: while it stays, so does the value."""


def page(
    item: inspect.Object | inspect.Damaged,
    rates: inspect.Rates | None,
    stamp: Hashable,
    directory: str | os.PathLike[str] | None,
    catalog: Catalog,
) -> Page:
    """Return what is told of an object; its value only where it is another one than that of the *stamp*."""
    told = {"item": described(item), "flow": flow(rates)._asdict()}
    if isinstance(item, inspect.Damaged):
        return Page(told, None)
    now = (item.uuid, item.version, item.filled, item.position)
    if now != stamp or item.kind in ("map", "function"):
        told["content"] = _content_or_reason(item, directory, catalog)
    return Page(told, now)


def _content_or_reason(
    item: inspect.Object, directory: str | os.PathLike[str] | None, catalog: Catalog
) -> dict[str, Any]:
    try:
        return _content(item, directory, catalog)
    except Empty:
        return {"form": "empty"}
    except (Error, OSError) as error:
        return {"form": "error", "reason": f"{type(error).__name__}: {error}"}


def _content(item: inspect.Object, directory: str | os.PathLike[str] | None, catalog: Catalog) -> dict[str, Any]:
    if item.kind == "function":
        calls = {"waiting": item.calls_waiting, "running": item.calls_running, "answered": item.calls_done}
        return {"form": "calls", "tree": tree(calls)}
    if item.kind == "channel":
        position, waiting = inspect.peek(item.name, 0, _BYTES_SHOWN, directory=directory)
        return {"form": "stream", "position": position, "tree": tree(waiting), "length": item.filled}
    if item.kind == "map":
        size = item.limits["size"]
        return {
            "form": "memory",
            "position": 0,
            "tree": tree(inspect.bytes_of(item.name, 0, min(_BYTES_SHOWN, size), directory=directory)),
            "length": size,
        }
    value = inspect.read(item.name, directory=directory)
    if value.form == "parameters":
        return {"form": "parameters", "panel": panel(value.value, item.schema, catalog)}
    return {"form": value.form, "tree": tree(value.value)}

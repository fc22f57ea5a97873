"""Writes from the page, where they were allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlane import inspect
from memlane.cli.set import write
from memlane.errors import KindMismatch

if TYPE_CHECKING:
    import os

    from memlane.monitor.panel import Catalog


def write_value(name: str, value: Any, directory: str | os.PathLike[str] | None) -> str:
    """Write the value of a variable or share, and say what was done."""
    return f"version {write(inspect.look(name, directory=directory), value, directory)}"


def request_parameter(
    name: str, parameter: str, value: Any, directory: str | os.PathLike[str] | None, catalog: Catalog
) -> str:
    """Request that a parameter is written to a device, and say so.

    Raises:
        KindMismatch: The object is no device buffer, or of a type that the catalog does not have.
    """
    item = inspect.look(name, directory=directory)
    kind = catalog.get(item.schema[0].removeprefix("type ")) if item.kind == "buffer" and item.schema else None
    if kind is None:
        raise KindMismatch(
            f"{name!r} is no buffer of a type in the catalog: give the robot's own with `memlane monitor --catalog`"
        )
    with kind.open(name, create=False, directory=directory) as buffer:
        buffer.write(parameter, value)
    return f"requested {parameter}"

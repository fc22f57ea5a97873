"""Classes that declare formats, where endpoints with them are pickled."""

from __future__ import annotations

import sys

from memlane.errors import EncodingError

TYPE_CHECKING = False  # importing `typing` takes as long as the rest of memlane
if TYPE_CHECKING:
    from typing import Any


def require_reference(argument: str, declared: Any) -> None:
    """Make sure that a class which declares a format can be found by its name where an endpoint is unpickled (D14)."""
    if not isinstance(declared, type):
        return
    found: Any = sys.modules.get(declared.__module__)
    for name in declared.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not declared:
        raise EncodingError(
            f"{argument}={declared.__module__}.{declared.__qualname__} is not found by that name, so an endpoint"
            " with it cannot be pickled: define the class at the top level of a module"
        )

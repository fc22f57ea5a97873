"""UltraDict: a dict that streams its changes through shared memory, here without a lock; get reads a copy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import value_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.ways import Value


class Shared:
    """One dict by name."""

    def __init__(self, address: str) -> None:
        self.name = f"{address.rpartition('/')[2]}-dict"  # the directory has the other name

    @contextmanager
    def open(self, role: int) -> Iterator[Value]:
        """Make it, or open it."""
        from UltraDict import UltraDict  # noqa: PLC0415

        shared: Any = UltraDict(name=self.name, create=role == 0, auto_unlink=False)
        yield value_in(shared)
        if role == 0:
            shared.unlink()

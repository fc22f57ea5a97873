"""A loop of asyncio that outlives a round."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Make a loop that lives as long as the end."""
    import asyncio  # noqa: PLC0415  (takes as long as all else that an adapter needs)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()

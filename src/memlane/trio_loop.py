"""Tasks of trio: how they wait for descriptors and for each other."""

from __future__ import annotations

from memlane.settings import final


@final
class Signal:
    """Wakes one task, once."""

    def __init__(self) -> None:
        import trio  # noqa: PLC0415  (runs already, or we were not called)

        self._event = trio.Event()

    def set(self) -> None:
        """Wake it."""
        self._event.set()

    async def wait(self, seconds: float | None) -> bool:
        """Sleep until it is set; False when the time was over first."""
        import trio  # noqa: PLC0415

        with trio.move_on_after(float("inf") if seconds is None else seconds):
            await self._event.wait()
        return bool(self._event.is_set())


async def wait_until_readable(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor is readable; False when the time was over first."""
    import trio  # noqa: PLC0415  (runs already, or we were not called)

    with trio.move_on_after(float("inf") if seconds is None else max(0.0, seconds)) as scope:
        await _wait_beside_others(descriptor)
    return not scope.cancelled_caught


# By run of trio and descriptor, whose first task waits for it, since trio lets one wait alone: what wakes the others.
# Not by thread: one of a forked child has the number of one of its parent's, whose task is no longer there.
_beside: dict[tuple[object, int], set[Signal]] = {}


async def _wait_beside_others(descriptor: int) -> None:
    """Wait until the descriptor may be readable: who waited first tells the others, also when it leaves early."""
    import trio  # noqa: PLC0415

    place = trio.lowlevel.current_trio_token(), descriptor
    if place in _beside:
        signal = Signal()
        others = _beside[place]
        others.add(signal)
        try:
            await signal.wait(None)
        finally:
            others.discard(signal)
        return
    others = _beside[place] = set()
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        del _beside[place]
        for signal in others:
            signal.set()

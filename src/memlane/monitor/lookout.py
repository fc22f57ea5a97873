"""One observer for all browsers: it looks while somebody watches, and at no other time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, final

from memlane import inspect
from memlane.errors import Error
from memlane.monitor.alarms import Alarm, alarms
from memlane.monitor.overview import overview

if TYPE_CHECKING:
    import os

LOOK_SECONDS = 0.25
"""Four looks a second: a death is seen long before one has read its line, and the observed do not notice."""
_KEPT_SECONDS = 2 * LOOK_SECONDS
_KEPT = 10
"""Observations that are kept to judge by: of the last five seconds."""


class View(NamedTuple):
    """What one look has shown."""

    number: int
    text: str
    """All that the first page shows, in JSON."""
    objects: dict[str, inspect.Object | inspect.Damaged]
    rates: dict[str, inspect.Rates]


@final
class Lookout:
    """Looks at a namespace for whoever asks, once for all of them.

    Args:
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._directory = inspect.directory_path(directory)
        self._observer = inspect.Observer(directory)
        self._kept: deque[inspect.Observation] = deque(maxlen=_KEPT)
        self._alarms: tuple[Alarm, ...] = ()
        self._view = View(0, "", {}, {})
        self._due = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def view_after(self, number: int) -> View:
        """Return the first view that comes after the one of this number.

        All who ask meanwhile wait for one look. It is nobody's own: who goes away while it is taken does not end it,
        for it runs in a thread and would go on beside the next one.
        """
        while self._view.number <= number:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_when_due())
            await asyncio.shield(self._looking)
        return self._view

    async def _look_when_due(self) -> None:
        await asyncio.sleep(max(self._due - time.monotonic(), 0))
        self._due = time.monotonic() + LOOK_SECONDS
        self._view = await asyncio.to_thread(self._look)

    def _look(self) -> View:
        number = self._view.number + 1
        try:
            observation = self._observer.look()
        except (Error, OSError) as error:
            return View(number, _as_json({"directory": self._directory, "error": str(error)}), {}, {})
        self._keep(observation)
        self._alarms = alarms(self._kept[0], observation, self._alarms)
        told = {
            "directory": self._directory,
            **overview(observation),
            "alarms": [asdict(alarm) for alarm in self._alarms],
        }
        objects = {item.name: item for item in observation.objects}
        return View(number, _as_json(told), objects, dict(observation.rates))

    def _keep(self, observation: inspect.Observation) -> None:
        """Keep every second look; what was normal before a time that nobody watched says nothing of now."""
        passed = observation.at - self._kept[-1].at if self._kept else 0.0
        if passed > _KEPT * _KEPT_SECONDS:
            self._kept.clear()
        if not self._kept or passed >= _KEPT_SECONDS:
            self._kept.append(observation)


def _as_json(told: dict[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":"))

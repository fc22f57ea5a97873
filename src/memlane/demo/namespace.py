"""The demo's own namespace directory, and the supervisor's endpoints in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar, final

import memlane
from memlane import settings
from memlane.demo.telemetry import Hearer
from memlane.demo.variables import FRAME, HEAD_BYTES, LABELS, SEGMENT, STEREO_PAIR, TELEMETRY, VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

Endpoint = TypeVar("Endpoint", memlane.HostVariable, memlane.HostFunctionCaller, memlane.Channel)

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where memlane itself puts its directories
PAIR_SLOTS = 2
"""The pair is written once, and a variable has no fewer slots."""


@final
class Namespace:
    """A fresh directory with all variables, the function and the channel, each gone as soon as nobody has it open."""

    def __init__(self, pair: Any) -> None:
        named = os.fsdecode(settings.namespace_directory())
        beside = os.path.dirname(named) if named else SHARED_MEMORY
        self.directory = tempfile.mkdtemp(prefix="memlane-demo-", dir=beside)
        self.variables: dict[str, memlane.HostVariable] = {}
        self._endpoints = ExitStack()
        self._objects: list[memlane.HostVariable | memlane.HostFunctionCaller | memlane.Channel] = []
        try:
            for name, variable in VARIABLES.items():
                self.variables[name] = self._create(name, data_format=variable.format)
            self._create(STEREO_PAIR, max_size=pair.nbytes + HEAD_BYTES, slots=PAIR_SLOTS).data = pair
            self._create_function()
            self.hearer = Hearer(self._create_channel())
        except BaseException:
            self.remove()
            raise

    def _create(self, name: str, **options: Any) -> memlane.HostVariable:
        return self._keep(memlane.HostVariable(name, persistent=False, directory=self.directory, **options))

    def _create_function(self) -> memlane.HostFunctionCaller:
        sizes = FRAME.itemsize + HEAD_BYTES, LABELS.itemsize + HEAD_BYTES
        return self._keep(memlane.HostFunctionCaller(SEGMENT, *sizes, persistent=False, directory=self.directory))

    def _create_channel(self) -> memlane.Channel:
        return self._keep(memlane.open_channel(TELEMETRY, memlane.CHAN_R, directory=self.directory))

    def _keep(self, endpoint: Endpoint) -> Endpoint:
        self._objects.append(endpoint)
        return self._endpoints.enter_context(endpoint)

    def remove(self) -> list[str]:
        """Close everything, remove the directory, and name what was left in shared memory by then.

        Call it when all processes have ended. Each of them, however it ended, must have let go of everything. This
        process is the last to close, and with that the objects must go by themselves.
        """
        left = [f"{name}: {count} endpoints of processes that have ended" for name, count in self._living() if count]
        self._endpoints.close()
        left += os.listdir(self.directory)
        shutil.rmtree(self.directory)
        return left

    def _living(self) -> Iterator[tuple[str, int]]:
        """Name each object and how many endpoints it has that are not this process's."""
        return ((thing.name, thing.stats().live_participants - 1) for thing in self._objects)

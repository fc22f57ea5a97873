"""The demo's own namespace directory, and the supervisor's endpoints in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from typing import Any, final

import memlane
from memlane import settings
from memlane.demo.variables import HEAD_BYTES, STEREO_PAIR, VARIABLES

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where memlane itself puts its directories
PAIR_SLOTS = 2
"""The pair is written once, and a variable has no fewer slots."""


@final
class Namespace:
    """A fresh directory with all variables, each gone as soon as nobody has it open."""

    def __init__(self, pair: Any) -> None:
        named = os.fsdecode(settings.namespace_directory())
        beside = os.path.dirname(named) if named else SHARED_MEMORY
        self.directory = tempfile.mkdtemp(prefix="memlane-demo-", dir=beside)
        self.variables: dict[str, memlane.HostVariable] = {}
        self._endpoints = ExitStack()
        try:
            for name, variable in VARIABLES.items():
                self.variables[name] = self._create(name, variable.max_size)
            self._create(STEREO_PAIR, pair.nbytes + HEAD_BYTES, slots=PAIR_SLOTS).data = pair
        except BaseException:
            self.remove()
            raise

    def _create(self, name: str, max_size: int, slots: int = settings.SLOTS) -> memlane.HostVariable:
        variable = memlane.HostVariable(name, max_size, slots=slots, persistent=False, directory=self.directory)
        return self._endpoints.enter_context(variable)

    def remove(self) -> list[str]:
        """Close everything, remove the directory, and name what was left in shared memory by then.

        Call it when all processes have ended. Each of them, however it ended, must have let go of everything. This
        process is the last to close, and with that the objects must go by themselves.
        """
        left = [
            f"{name}: {living} endpoints of processes that have ended"
            for name, variable in self.variables.items()
            if (living := variable.stats().live_participants - 1)
        ]
        self._endpoints.close()
        left += os.listdir(self.directory)
        shutil.rmtree(self.directory)
        return left

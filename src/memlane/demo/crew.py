"""The three processes together: started, listened to, killed, restarted and ended."""

from __future__ import annotations

import random
import selectors
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, final

from memlane.demo.child import Child
from memlane.demo.report import Failed
from memlane.demo.variables import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from memlane.demo.ledger import Ledger

PATIENCE_SECONDS = 30.0
"""How long a process may take to end when it is asked to: far more than a frame, also on a busy machine."""

CLEAN_ENDS = (0, -signal.SIGTERM)
"""By itself, or by the signal where it came before the process could wait for it."""


class CrewFailed(Exception):
    """A process ended by itself, which none of them does."""


@final
class Crew:
    """One process for each role. Leaving the ``with`` block kills those that live.

    Args:
        directory: The namespace directory.
        ledger: What is told what the processes report.
        programs: Of roles that are played by another program than this package's own.
    """

    def __init__(self, directory: str, ledger: Ledger, programs: Mapping[str, str]) -> None:
        self.kills: Counter[str] = Counter()
        self._directory = directory
        self._ledger = ledger
        self._programs = programs
        self._said: dict[str, str] = {}
        self._selector = selectors.DefaultSelector()
        self.children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for child in self.children.values():
            child.kill()
            child.close()
        self._selector.close()

    def start(self) -> None:
        """Start the first life of each."""
        for role in ROLES:
            self._start(role, life=1)

    def _start(self, role: str, life: int) -> None:
        child = Child(role, life, self._directory, self._programs.get(role))
        self.children[role] = child
        self._selector.register(child, selectors.EVENT_READ)

    @property
    def is_ready(self) -> bool:
        """Whether every process has said so."""
        return all(child.is_ready for child in self.children.values())

    def listen(self, timeout: float) -> None:
        """Take the reports that are there, waiting at most *timeout* seconds for the first. Raises `CrewFailed`."""
        for key, _ in self._selector.select(timeout):
            child = key.fileobj
            assert isinstance(child, Child)  # noqa: S101 - nothing else was registered
            self._take_reports(child)
            self._check_alive(child)

    def hear(self, lines: Iterable[bytes]) -> None:
        """Take lines of the channel."""
        for line in lines:
            self._ledger.telemetry.hear(line)

    def _check_alive(self, child: Child) -> None:
        if child.exit_status() is None:
            return
        words = self._last_words(child)
        self._bury(child, time.monotonic_ns())
        del self.children[child.role]
        raise CrewFailed(f"the {child.role} ended by itself with {words}")

    def _take_reports(self, child: Child) -> None:
        for report in child.take_reports():
            if isinstance(report, Failed):
                self._said[child.role] = report.text
            else:
                self._ledger.record(child.role, child.life, report)

    def _last_words(self, child: Child) -> str:
        said = self._said.get(child.role)
        return f"status {child.exit_status()}" + (f":\n{said}" if said else "")

    def kill_one(self) -> None:
        """Kill one process by SIGKILL, in the midst of its work, and start it anew. Nothing when none is at work."""
        at_work = [child for child in self.children.values() if child.is_ready]
        if not at_work:
            return
        child = random.choice(at_work)  # noqa: S311 - no secret
        self._check_alive(child)
        at = time.monotonic_ns()
        child.kill()
        self._bury(child, at)
        self.kills[child.role] += 1
        self._start(child.role, child.life + 1)

    def _bury(self, child: Child, at: int) -> None:
        self._take_reports(child)
        self._ledger.end(child.role, child.life, at)
        self._selector.unregister(child)
        child.close()

    def end(self) -> list[str]:
        """Ask all processes to end; return what went wrong with that."""
        at = time.monotonic_ns()
        for child in self.children.values():
            child.ask_to_end()
        wrong = [complaint for child in self.children.values() if (complaint := self._await_end(child))]
        for child in self.children.values():
            self._bury(child, at)
        self.children.clear()
        return wrong

    def _await_end(self, child: Child) -> str | None:
        if not child.join(PATIENCE_SECONDS):
            child.kill()
            return f"the {child.role} did not end within {PATIENCE_SECONDS:g} s of SIGTERM"
        if child.exit_status() not in CLEAN_ENDS:
            return f"the {child.role} was asked to end and ended with {self._last_words(child)}"
        return None

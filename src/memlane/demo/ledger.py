"""The account of a run: what the processes reported, checked against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, final

from memlane.demo.account import Account
from memlane.demo.calls import Calls
from memlane.demo.gaps import Watch
from memlane.demo.report import Ready, Said, Saw, SawTorn, Wrote
from memlane.demo.telemetry import Telemetry
from memlane.demo.variables import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memlane.demo.account import Route
    from memlane.demo.report import Fact

REASONS_KEPT = 3


class Gap(NamedTuple):
    """A gap, and where it was."""

    nanoseconds: int
    variable: str
    reader: str


@final
class Ledger:
    """All accounts, and what was found to be wrong."""

    def __init__(self) -> None:
        self.accounts = {name: Account(variable.readers) for name, variable in VARIABLES.items()}
        self.torn = 0
        self.torn_reasons: list[str] = []
        self.outdated = 0
        self.fallen = 0
        self.calls = Calls()
        self.telemetry = Telemetry()

    @property
    def longest_gap(self) -> Gap:
        """The longest gap of any reader."""
        return max(
            Gap(route.longest_gap, name, reader)
            for name, account in self.accounts.items()
            for reader, route in account.routes.items()
        )

    @property
    def frames_verified(self) -> int:
        """Frames that arrived whole: at a reader of the variable, or as the argument of a call."""
        return sum(route.verified for route in self.accounts["frame"].routes.values()) + self.calls.received

    @property
    def values_verified(self) -> int:
        """Values of any variable that some reader took whole."""
        return sum(route.verified for account in self.accounts.values() for route in account.routes.values())

    def record(self, role: str, life: int, report: Fact) -> None:
        """Take one report of a process that is in its *life* as *role*."""
        if isinstance(report, Ready):
            for account, route in self._read_by(role):
                route.begin(Watch(account.writers, report.at))
        elif isinstance(report, Wrote):
            self.accounts[report.variable].wrote(life, report)
        elif isinstance(report, Saw):
            self._saw(role, report)
        elif isinstance(report, SawTorn):
            self._saw_torn(role, report)
        elif isinstance(report, Said):
            self.telemetry.said(life, report)
        else:
            self.calls.record(report)

    def end(self, role: str, life: int, at: int) -> None:
        """Account for the end of a process, after its last report was taken."""
        for name, variable in VARIABLES.items():
            if variable.writer == role:
                self.accounts[name].writers.end(life, at)
        for _, route in self._read_by(role):
            route.account_until(at)
            route.watch = None

    def _saw(self, role: str, report: Saw) -> None:
        account = self.accounts[report.variable]
        self.outdated += account.is_outdated(report)
        self.fallen += account.is_fallen(report)
        account.saw(report)
        account.routes[role].saw(report)
        account.routes[role].account_until(report.at)

    def _saw_torn(self, role: str, report: SawTorn) -> None:
        self.torn += 1
        if len(self.torn_reasons) < REASONS_KEPT:
            self.torn_reasons.append(f"{report.variable}, read by {role}: {report.reason}")

    def _read_by(self, role: str) -> Iterator[tuple[Account, Route]]:
        for account in self.accounts.values():
            if role in account.routes:
                yield account, account.routes[role]

"""What is known of the calls of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from memlane.demo.latency import Latencies
from memlane.demo.rate import Rate
from memlane.demo.report import Answered, Received, ServerDied

if TYPE_CHECKING:
    from memlane.demo.report import CallReport

REASONS_KEPT = 3


@final
class Calls:
    """The calls of all lives of the controller, to all lives of the model."""

    def __init__(self) -> None:
        self.answered = 0
        self.died = 0
        """Calls that ended by the death of their server. They were made again."""
        self.wrong = 0
        self.reasons: list[str] = []
        self.received = 0
        """Frames that arrived whole."""
        self.latencies = Latencies()
        self.rate = Rate()

    def record(self, report: CallReport) -> None:
        """Take one report of a call."""
        if isinstance(report, Received):
            self.received += 1
        elif isinstance(report, Answered):
            self._answered(report)
        elif isinstance(report, ServerDied):
            self.died += 1
        else:
            self.wrong += 1
            self.reasons = [*self.reasons, f"segment: {report.reason}"][:REASONS_KEPT]

    def _answered(self, report: Answered) -> None:
        self.answered += 1
        self.latencies.add(report.at - report.sent)
        self.rate.note(report.at)

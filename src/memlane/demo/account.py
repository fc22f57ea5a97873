"""What is known of one variable: its writes, and each reader's way with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from memlane.demo.gaps import WriterLives
from memlane.demo.latency import Latencies
from memlane.demo.marks import Marks
from memlane.demo.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memlane.demo.gaps import Watch
    from memlane.demo.report import Saw, Wrote


@final
class Route:
    """What one role read of one variable, over all its lives."""

    def __init__(self) -> None:
        self.verified = 0
        self.skipped = 0
        self.rate = Rate()
        """Of new values that were read."""
        self.latencies = Latencies()
        self.longest_gap = 0
        """In nanoseconds; `gaps` says what it is."""
        self.watch: Watch | None = None
        """Over the life that is reading now."""
        self._last: Saw | None = None

    def begin(self, watch: Watch) -> None:
        """Begin with a new life, which knows nothing of the former one."""
        self.watch = watch
        self._last = None

    def saw(self, report: Saw) -> None:
        """Count a new value."""
        self.verified += 1
        self.rate.note(report.at)
        last, self._last = self._last, report
        if last is None:
            return  # what was there before its reader came says nothing of how long values take
        self.latencies.add(report.at - report.stamp)
        if last.life == report.life:
            self.skipped += report.number - last.number - 1

    def account_until(self, at: int) -> None:
        """Account for the time up to a new value, or up to the end of the reader or of the run."""
        if self.watch is not None:
            self.longest_gap = max(self.longest_gap, self.watch.until(at))


@final
class Account:
    """One variable, as its writer and its readers reported it."""

    def __init__(self, readers: Iterable[str]) -> None:
        self.writers = WriterLives()
        self.routes = {reader: Route() for reader in readers}
        self._committed: Marks[tuple[int, int]] = Marks((0, 0))
        self._versions: Marks[int] = Marks(0)

    def wrote(self, life: int, report: Wrote) -> None:
        """Learn that a write was acknowledged."""
        self.writers.note(life, report.began)
        self._committed.reach((life, report.number), report.at)

    def saw(self, report: Saw) -> None:
        """Learn from a read that something is there."""
        self.writers.note(report.life, report.began)
        self._committed.reach((report.life, report.number), report.at)
        self._versions.reach(report.version, report.at)

    def is_outdated(self, report: Saw) -> bool:
        """Tell whether a read found an older write than was acknowledged, or read by anybody, before it began."""
        return (report.life, report.number) < self._committed.before(report.asked)

    def is_fallen(self, report: Saw) -> bool:
        """Tell whether a read found a lower version than anybody had found before it began."""
        return report.version < self._versions.before(report.asked)

"""What memlane has to reach, as ratios to others in the same run, or as a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.results import number
from benchmarks.scenarios.messages import POLLING

if TYPE_CHECKING:
    from benchmarks.results import Found, Line, Results

DESIGN = "design/performance.md"
BEST, BEST_POLLING = "the best peer", "the best polling peer"


class Goal(NamedTuple):
    """One of them."""

    scenario: str
    row: str
    times: float
    """How many times as good as who is named; of a limit, what memlane's figure must not exceed."""
    against: str = ""
    """A peer, BEST or BEST_POLLING; empty for a limit."""
    figure: str = "median"
    other_row: tuple[str, str] | None = None
    """Of the same peer, where the goal compares with another row."""
    who: str = "memlane"
    anchor: str = "limits"
    """In the page that explains what is missed."""

    @property
    def is_share(self) -> bool:
        """Whether it says how many times as long memlane may take as the limit in another row."""
        return self.other_row is not None and self.times < 1

    def text(self, unit: str) -> str:
        """Say it."""
        figure = "p99 " if self.figure == "late" else ""
        if not self.against:
            return f"{figure}at most {number(self.times)} {unit}"
        if self.is_share and self.other_row:
            return f"{figure}at most {number(1 / self.times)} times what {self.other_row[1]} takes"
        other = f", {self.other_row[1]}" if self.other_row else ""
        return f"{figure}{number(self.times)} x {self.against}{other}"

    def whom(self, line: Line) -> str | None:
        """Return the peer that it is about."""
        if self.against == BEST:
            return line.best()
        if self.against == BEST_POLLING:
            return line.best(POLLING)
        return self.against

    def compared(self, results: Results) -> list[Found]:
        """Return what is compared, memlane's first; nothing where something was not measured."""
        line = results.find(self.scenario, self.row)
        other = results.find(*self.other_row) if self.other_row else line
        if line is None or other is None or self.who not in line.peers:
            return []
        if not self.against:
            return [line.peers[self.who]]
        whom = self.whom(other)
        return [line.peers[self.who], other.peers[whom]] if whom in other.peers else []

    def reached_value(self, results: Results) -> float | None:
        """Return what was reached, in the goal's own terms; None where something was not measured."""
        figures: list[float] = [getattr(found, self.figure) for found in self.compared(results)]
        line = results.find(self.scenario, self.row)
        if not figures or line is None:
            return None
        if not self.against:
            return figures[0]
        ours, theirs = figures
        return ours / theirs if line.more_is_better else theirs / ours

    def is_reached(self, results: Results) -> bool | None:
        """Tell whether it is; None where something was not measured."""
        value = self.reached_value(results)
        if value is None:
            return None
        return value >= self.times if self.against else value <= self.times


ROUND_TRIP, ASLEEP = "64 B there and back", "64 B there and back, asleep"
ONE_BY_ONE, BATCHES, KILOBYTE = (
    "64 B one way, one by one",
    "64 B one way, in batches of 64",
    "1 KiB one way, one by one",
)
CALL = "f(a, b) -> a + b"
SPINNING = ("limits", "64 B there and back, spinning, in C")
SLEEPING = ("limits", "64 B there and back, asleep, in C")
C = "memlane (C)"
SHARES = "arrays-and-shares"
GOALS = (
    Goal("S1", ROUND_TRIP, 12, "os.pipe"),
    Goal("S1", ROUND_TRIP, 5, BEST_POLLING),
    Goal("S1", ROUND_TRIP, 25, "mp.Pipe"),
    Goal("S1", ROUND_TRIP, 30, "pyzmq"),
    Goal("S1", ROUND_TRIP, 5, BEST, "late"),
    Goal("S1", ROUND_TRIP, 1 / 3, C, other_row=SPINNING),
    Goal("S1b", ASLEEP, 1, "os.pipe"),
    Goal("S1b", ASLEEP, 2, "mp.Pipe"),
    Goal("S1b", ASLEEP, 3, "pyzmq"),
    Goal("S1b", ASLEEP, 3, "iceoryx2"),
    Goal("S1b", ASLEEP, 1 / 1.3, C, other_row=SLEEPING),
    Goal("S2", ONE_BY_ONE, 6, "os.pipe"),
    Goal("S2", ONE_BY_ONE, 10, "pyzmq"),
    Goal("S2", ONE_BY_ONE, 20, "iceoryx2"),
    Goal("S2", BATCHES, 12, "os.pipe", other_row=("S2", ONE_BY_ONE)),
    Goal("S2", BATCHES, 90, "faster-fifo"),
    Goal("S2b", KILOBYTE, 3, "os.pipe"),
    Goal("S2b", KILOBYTE, 5, "pyzmq"),
    *(Goal("S3", f"{size} MiB copied in and out, one process", 0.95, "plain copy", anchor=SHARES) for size in (1, 5)),
    Goal("S3b", "1 MiB in place, one way", 2, BEST, anchor=SHARES),
    Goal("S3b", "1 MiB in place, rate", 2, "iceoryx2", anchor=SHARES),
    Goal("S3b", "1 MiB in place, rate", 1, "SharedArray", anchor=SHARES),
    Goal("S3b", "5 MiB in place, one way", 1.2, BEST, anchor=SHARES),
    Goal("S4", "set, alone", 20, BEST),
    Goal("S4", "get, alone", 4, BEST),
    Goal("S4", "set, contended", 15, BEST),
    Goal("S4", "get, contended", 2.5, BEST),
    Goal("S4b", "set, alone", 6, BEST),
    Goal("S4b", "get, alone", 3, BEST),
    Goal("S4b", "set, contended", 4, BEST),
    Goal("S4b", "get, contended", 2.5, BEST),
    Goal("S4b", "get, alone", 1, "UltraDict"),
    Goal("S5", CALL, 15, BEST),
    Goal("S5", CALL, 45, "pyzmq"),
    Goal("S5", CALL, 200, "ProcessPoolExecutor"),
    Goal("S5b", f"{CALL}, asleep", 1.3, "os.pipe"),
    *(
        Goal("S6", f"waiting for {what}", 0.15, anchor="limits")
        for what in ("a message", "a value", "an array", "a call")
    ),
    Goal("S7", "get of a float", 5600 / 8, anchor="device-buffers"),
    Goal("S7", "set of a float", 5600 / 8, anchor="device-buffers"),
    Goal("S7", "transaction of 8 sets", 12200 / 10, anchor="device-buffers"),
    Goal("S7", "a lock and its unlock", 300, anchor="device-buffers"),
    Goal("S7", "decode and update", 5300 / 3, anchor="device-buffers"),
    Goal("S8", "1 MiB writes through 64 KiB", 2, "os.pipe"),
    Goal("S8", "7-byte writes, 9-byte reads", 4, "os.pipe"),
    Goal("S10", "1 KiB read from a variable", 149 / 2, who=C, anchor="c-peers"),
    Goal("S10", "one-way call with 1 KiB", 2160 / 2, who=C, anchor="c-peers"),
    Goal("S11", "import", 25),
    Goal("S11", "opening", 100),
    Goal("S11", "lock of a killed holder", 25, figure="late"),
)

"""The run: three processes, the one who kills them, and the one who looks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, final

from memlane.demo.child import start_template
from memlane.demo.crew import Crew, CrewFailed
from memlane.demo.figures import Instruments
from memlane.demo.ledger import Ledger
from memlane.demo.namespace import Namespace
from memlane.demo.rhythm import Rhythm
from memlane.demo.stereo import load_pair
from memlane.demo.summary import Outcome
from memlane.interruption import interruption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memlane.demo.display import Display
    from memlane.demo.telemetry import Hearer
    from memlane.interruption import Interruption

KILL_PERIOD = 0.5
"""Seconds from one kill to the next."""

START_SECONDS = 60.0
"""How long the imports may take, far more than they do."""

LISTEN_SECONDS = 0.02
"""The longest time for which the supervisor looks at nothing else than reports."""


class Settings(NamedTuple):
    """What the user asked for."""

    seconds: float
    is_chaos: bool
    gap_limit_ms: float
    programs: Mapping[str, str] = {}
    """Of roles that are played by another program than this package's own."""


def run(settings: Settings, display: Display) -> Outcome:
    """Let the three processes work, and return how it went; nothing of them is left."""
    with interruption() as interrupted, display:
        start_template()
        pair = load_pair()  # takes a second, as the template's imports do meanwhile
        namespace = Namespace(pair)
        ledger = Ledger()
        left: list[str] = []
        try:
            with Crew(namespace.directory, ledger, settings.programs) as crew:
                shift = Shift(settings, crew, interrupted, namespace.hearer)
                wrong = shift.work(display, Instruments(namespace.variables, ledger, crew))
        finally:
            left += namespace.remove()
        return Outcome(settings, shift.seconds, ledger, crew.kills, wrong, left, shift.stall)


@final
class Shift:
    """The time from the first process's start to the last one's end."""

    def __init__(self, settings: Settings, crew: Crew, interrupted: Interruption, hearer: Hearer) -> None:
        self.seconds = 0.0
        """How long all three were watched."""
        self.stall = 0.0
        """Seconds that the supervisor, whom no value can hold up, came back late from a wait of its own."""
        self._settings = settings
        self._crew = crew
        self._interrupted = interrupted
        self._hearer = hearer

    def work(self, display: Display, instruments: Instruments) -> list[str]:
        """Start the processes, watch them and end them; return what went wrong with the processes themselves."""
        wrong = []
        try:
            self._crew.start()
            self._await_ready()
            self._watch(display, instruments)
        except CrewFailed as error:
            wrong.append(str(error))
        wrong += self._crew.end()
        self._crew.hear(self._hearer.take())  # the last words of who was asked to end
        return wrong

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (self._crew.is_ready or self._interrupted.is_asked):
            self._crew.listen(LISTEN_SECONDS)
            if time.monotonic() > deadline:
                raise CrewFailed(f"the processes were not ready within {START_SECONDS:g} s")

    def _watch(self, display: Display, instruments: Instruments) -> None:
        began = time.monotonic()
        looks, kills = Rhythm(display.period), Rhythm(KILL_PERIOD)
        instruments.read(self.seconds)  # rates need a beginning
        while self.seconds < self._settings.seconds and not self._interrupted.is_asked:
            self._listen()
            if self._settings.is_chaos and kills.is_due():
                self._crew.kill_one()
            if looks.is_due():
                display.show(instruments.read(self.seconds))
            self.seconds = time.monotonic() - began
        display.finish(instruments.read(self.seconds))

    def _listen(self) -> None:
        before = time.monotonic()
        self._crew.listen(LISTEN_SECONDS)
        self._crew.hear(self._hearer.take())
        self.stall = max(self.stall, time.monotonic() - before - LISTEN_SECONDS)

"""The wish to end early."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@final
class Interruption:
    """Whether somebody asked for the end: by Ctrl-C, by a signal, by hanging up."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, _signal: int, _frame: object) -> None:
        """Ask for the end, as a signal's handler."""
        self.is_asked = True


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Note the signals that ask for the end, so that they interrupt nothing half-way."""
    noted = Interruption()
    former = {number: signal.signal(number, noted.ask) for number in ENDING_SIGNALS}
    try:
        yield noted
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

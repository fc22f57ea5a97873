"""What the three processes tell the supervisor: lines on a pipe, written whole or, by a killed one, not at all."""

from __future__ import annotations

import json
import os
import select
from typing import NamedTuple, final, get_args


class Ready(NamedTuple):
    """Everything is open; from now on each new value has to be seen. All times are ``CLOCK_MONOTONIC`` nanoseconds."""

    at: int


class Wrote(NamedTuple):
    """A write returned: from now on nobody may read an older value."""

    variable: str
    number: int
    began: int
    at: int


class Saw(NamedTuple):
    """A new value was read, and its checksum is right."""

    variable: str
    life: int
    number: int
    began: int
    stamp: int
    version: int
    asked: int
    """When the call that returned the value began."""
    at: int


class SawTorn(NamedTuple):
    """What was read is not what one writer wrote."""

    variable: str
    reason: str
    at: int


class Received(NamedTuple):
    """A value arrived as the argument of a call, and its checksum is right."""

    variable: str
    at: int


class Answered(NamedTuple):
    """A call was answered, and the answer is to what was asked."""

    sent: int
    at: int


class AnsweredWrongly(NamedTuple):
    """A call was answered by an error, or the answer is to another question."""

    reason: str
    at: int


class ServerDied(NamedTuple):
    """A call ended by the death of the process that executed it."""

    at: int


class Said(NamedTuple):
    """A line was written to the channel: from now on it must arrive."""

    number: int
    at: int


class Failed(NamedTuple):
    """The process raised, and ends."""

    text: str


CallReport = Received | Answered | AnsweredWrongly | ServerDied
Fact = Ready | Wrote | Saw | SawTorn | CallReport | Said
"""What matters to the account of the run."""

Report = Fact | Failed

_KINDS: dict[str, type[Report]] = {kind.__name__: kind for kind in get_args(Report)}

LONGEST_TEXT = 600
"""Characters of a text in a report: escaped, six bytes each, the line still fits what a pipe takes in one piece."""


def text_of(error: Exception) -> str:
    """Return what a report says of an error."""
    return f"{type(error).__name__}: {error}"[:LONGEST_TEXT]


@final
class Reports:
    """The sending end, in one of the three processes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, report: Report) -> None:
        """Tell the supervisor. Raises `BrokenPipeError` when it has gone."""
        line = json.dumps([type(report).__name__, *report]).encode() + b"\n"
        if len(line) > select.PIPE_BUF:
            raise ValueError(f"a report of {len(line)} bytes: only {select.PIPE_BUF} are sure to be written whole")
        os.write(self._descriptor, line)


def parse(line: bytes) -> Report:
    """Return what one line says."""
    kind, *fields = json.loads(line)
    return _KINDS[kind](*fields)

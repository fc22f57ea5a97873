"""What is wrong, told from two looks at everything: pure functions of what was seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from memlane.cli.who import holdings
from memlane.inspect import Damaged, Object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memlane.inspect import Observation, Participant

# A writer is late when it is silent for this many of its periods, and for longer than a busy machine holds one up.
_LATE_PERIODS = 5
_LATE_SECONDS = 1.0
_WRITES_OF_A_RHYTHM = 5
# A reader that takes the latest value at its own rate passes over versions by design: only a change is told.
_SKIPS_TOLD = 10
_GROWTH = 0.2
_FULL = 0.9
_SECONDS_TO_READ = 1.0


@dataclass(frozen=True)
class Alarm:
    """One thing that somebody should look after."""

    what: str
    """``damaged object``, ``dead holder``, ``dead participant``, ``stalled writer``, ``full channel`` or
    ``growing skips``."""
    name: str
    uuid: str
    pid: int
    """Of the process that it is about; 0: of none."""
    text: str
    since: float
    """When it was first seen, seconds since the epoch."""
    critical: bool
    """Whether somebody is held up, or may be at any moment."""


class _Pair(NamedTuple):
    """One object at two moments."""

    before: Object
    after: Object


def alarms(before: Observation, after: Observation, standing: Sequence[Alarm] = ()) -> tuple[Alarm, ...]:
    """Return what is wrong, the critical things first.

    Args:
        before: An earlier look, seconds ago: what is normal is learned from what happened since.
        after: The look to be judged.
        standing: What was wrong at the look before this one, so that it keeps its time.
    """
    pairs = list(_pairs(before, after))
    found = [
        *_damaged(after),
        *_dead(after),
        *_stalled_writers(pairs, after.at, standing),
        *_full_channels(pairs, before.at, after.at),
        *_growing_skips(pairs, before.at, after.at),
    ]
    known = {_identity(alarm): alarm.since for alarm in standing}
    dated = (replace(alarm, since=known.get(_identity(alarm), alarm.since)) for alarm in found)
    return tuple(sorted(dated, key=lambda alarm: (not alarm.critical, alarm.name, alarm.what, alarm.pid)))


def _identity(alarm: Alarm) -> tuple[str, str, str, int]:
    return alarm.what, alarm.name, alarm.uuid, alarm.pid


def _pairs(before: Observation, after: Observation) -> Iterator[_Pair]:
    """Find the objects that are the same ones at both looks."""
    former = {item.uuid: item for item in before.objects if isinstance(item, Object)}
    for item in after.objects:
        if isinstance(item, Object) and item.uuid in former and former[item.uuid].name == item.name:
            yield _Pair(former[item.uuid], item)


def _damaged(after: Observation) -> Iterator[Alarm]:
    for item in after.objects:
        if isinstance(item, Damaged):
            yield Alarm("damaged object", item.name, "", 0, item.reason, after.at, critical=True)


def _dead(after: Observation) -> Iterator[Alarm]:
    for item in after.objects:
        if isinstance(item, Damaged):
            continue
        for participant in item.dead:
            who = f"{participant.program} (pid {participant.pid}) died"
            if participant.holds:
                text = f"{who} and holds something: {holdings(participant)}; whoever needs it next takes it back"
                yield Alarm("dead holder", item.name, item.uuid, participant.pid, text, after.at, critical=True)
            else:
                text = f"{who}; its place is free for the next one"
                yield Alarm("dead participant", item.name, item.uuid, participant.pid, text, after.at, critical=False)


def _stalled_writers(pairs: Sequence[_Pair], now: float, standing: Sequence[Alarm]) -> Iterator[Alarm]:
    """Find objects whose writer lives and has fallen silent, by the rhythm that it had between the two looks.

    The rhythm is forgotten when the earlier look comes later than the last write; the alarm stands until a write.
    """
    stalled = {alarm.uuid: alarm for alarm in standing if alarm.what == "stalled writer"}
    for before, after in pairs:
        former = stalled.get(after.uuid)
        if after.written is None:  # taken, and given up by a put that has not ended: it says nothing of when
            if former is not None and any(participant.pid == former.pid for participant in after.alive):
                yield former
            continue
        if former is not None and after.written < former.since:
            writers = [participant for participant in after.alive if participant.pid == former.pid]
        elif now - after.written > _patience(before, after):
            writers = _writers(before, after)
        else:
            continue
        for writer in writers[:1]:
            text = f"{writer.program} (pid {writer.pid}) lives and has written nothing for {now - after.written:.1f} s"
            yield Alarm("stalled writer", after.name, after.uuid, writer.pid, text, now, critical=True)


def _writers(before: Object, after: Object) -> list[Participant]:
    """Return who lives and wrote between the two looks. A place's counts alone are of its former owners too."""
    former = {(participant.index, participant.pid): _writes(participant) for participant in before.participants}
    return [
        participant
        for participant in after.alive
        if _writes(participant) > former.get((participant.index, participant.pid), _writes(participant))
    ]


def _writes(participant: Participant) -> int:
    return _count(participant, "writes") + _count(participant, "puts")


def _patience(before: Object, after: Object) -> float:
    """Return for how long the writers of an object may be silent: for ever where they had no rhythm."""
    writes = (after.version or 0) - (before.version or 0)
    if before.written is None or after.written is None or writes < _WRITES_OF_A_RHYTHM:
        return float("inf")
    return max(_LATE_SECONDS, _LATE_PERIODS * (after.written - before.written) / writes)


def _full_channels(pairs: Sequence[_Pair], then: float, now: float) -> Iterator[Alarm]:
    """Find channels whose reader stands still while they are full, and those that are full again and again."""
    for before, after in pairs:
        if after.filled is None or after.position is None or before.filled is None or before.position is None:
            continue
        size = after.limits["chanSz"]
        if after.filled < _FULL * size:
            continue
        read = (after.position - after.filled) - (before.position - before.filled)
        waits = f"{after.filled} of {size} bytes wait"
        if read <= 0 and now - then >= _SECONDS_TO_READ:
            text = f"{waits}, and nobody read any for {now - then:.1f} s: its writer has to wait"
            yield Alarm("full channel", after.name, after.uuid, 0, text, now, critical=True)
        elif before.filled >= _FULL * size:
            text = f"{waits}: its reader is slower than its writer"
            yield Alarm("full channel", after.name, after.uuid, 0, text, now, critical=False)


def _growing_skips(pairs: Sequence[_Pair], then: float, now: float) -> Iterator[Alarm]:
    """Find readers that pass over a larger part of the versions than they used to."""
    for before, after in pairs:
        former = {(participant.index, participant.pid): participant for participant in before.participants}
        for participant in after.alive:
            earlier = former.get((participant.index, participant.pid))
            if earlier is None:
                continue
            skipped = _count(participant, "skipped") - _count(earlier, "skipped")
            read = _count(participant, "reads") - _count(earlier, "reads")
            usual = _share(_count(earlier, "skipped"), _count(earlier, "reads"))
            if skipped >= _SKIPS_TOLD and _share(skipped, read) >= usual + _GROWTH:
                text = (
                    f"{participant.program} (pid {participant.pid}) passed over {_share(skipped, read):.0%} of the"
                    f" versions in {now - then:.1f} s, {usual:.0%} before"
                )
                yield Alarm("growing skips", after.name, after.uuid, participant.pid, text, now, critical=False)


def _count(participant: Participant, counter: str) -> int:
    return participant.counters.get(counter, 0)


def _share(skipped: int, read: int) -> float:
    return skipped / (skipped + read) if skipped + read else 0.0

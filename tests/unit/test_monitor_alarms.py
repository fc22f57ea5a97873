"""Alarms: what two looks say is wrong, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memlane import CHAN_W, HostVariable, inspect, open_channel
from memlane.inspect import Damaged, Object, Observation, Participant
from memlane.monitor.alarms import Alarm, alarms

if TYPE_CHECKING:
    from pathlib import Path


def observed(at: float, *objects: Object | Damaged) -> Observation:
    """Return a look at these objects."""
    return Observation(at, objects, {}, ())


def told(found: tuple[Alarm, ...]) -> list[tuple[str, bool]]:
    """Return what the alarms are, and whether each is critical."""
    return [(alarm.what, alarm.critical) for alarm in found]


@pytest.fixture
def variable(namespace: Path) -> Object:
    """Give a variable as it is seen: written once, by one participant that lives."""
    with HostVariable("pose") as pose:
        pose.data = 1
        return inspect.look("pose")


@pytest.fixture
def channel(namespace: Path) -> Object:
    """Give a channel of 100 bytes."""
    with open_channel("log", CHAN_W, 100):
        return inspect.look("log")


def written(item: Object, version: int, at: float) -> Object:
    """Return the object when its participant wrote it so often, last at that time."""
    writer = counted(item.participants[0], writes=version)
    return replace(item, version=version, written=at, participants=(writer,))


def of_participant(item: Object, **changes: Any) -> Object:
    """Return the object with another participant."""
    return replace(item, participants=(replace(item.participants[0], **changes),))


def counted(participant: Participant, **counters: int) -> Participant:
    """Return the participant when it has counted so far."""
    return replace(participant, counters={**participant.counters, **counters})


def test_nothing_is_wrong_with_a_writer_at_work(variable: Object) -> None:
    """An alarm that is always there is not seen."""
    before, after = written(variable, 10, 100), written(variable, 60, 104.9)

    assert alarms(observed(100, before), observed(105, after)) == ()


def test_a_dead_holder_is_critical_and_another_dead_one_is_not(variable: Object) -> None:
    """Only the first holds anybody up."""
    idle = of_participant(variable, alive=False)
    holder = of_participant(variable, alive=False, slots_writing=1)

    assert told(alarms(observed(1, variable), observed(2, idle))) == [("dead participant", False)]
    (alarm,) = alarms(observed(1, variable), observed(2, holder))
    assert (alarm.what, alarm.critical, alarm.pid) == ("dead holder", True, variable.participants[0].pid)
    assert "writes or loans 1" in alarm.text


def test_an_alarm_keeps_the_time_at_which_it_was_first_seen(variable: Object) -> None:
    """Since when is the second question."""
    dead = observed(2, of_participant(variable, alive=False))

    first = alarms(observed(1, variable), dead)
    second = alarms(observed(1, variable), replace(dead, at=7), first)

    assert [alarm.since for alarm in (*first, *second)] == [2, 2]


def test_a_damaged_object_is_told_with_its_reason(variable: Object) -> None:
    """Somebody has to remove it."""
    (alarm,) = alarms(observed(1), observed(2, Damaged("pose", "Corrupted", "its checksum is wrong")))

    assert (alarm.what, alarm.critical, alarm.text) == ("damaged object", True, "its checksum is wrong")


@pytest.mark.parametrize(
    ("writes", "seconds", "silence", "stalled"),
    [(200, 2, 0.9, False), (200, 2, 1.1, True), (5, 5, 4.9, False), (5, 5, 5.1, True)],
    ids=["fast, a moment", "fast, a second", "slow, a few periods", "slow, five periods"],
)
def test_a_writer_with_a_rhythm_is_stalled_after_five_periods_and_a_second(
    variable: Object,
    writes: int,
    seconds: int,
    silence: float,
    stalled: bool,  # noqa: FBT001
) -> None:
    """It lives, and says nothing: stopped by a debugger, or stuck."""
    before, after = written(variable, 10, 100), written(variable, 10 + writes, 100 + seconds)

    found = alarms(observed(100, before), observed(100 + seconds + silence, after))

    assert told(found) == [("stalled writer", True)] * stalled


def test_what_is_written_now_and_then_is_never_late(variable: Object) -> None:
    """A setting has no rhythm."""
    before, after = written(variable, 10, 100), written(variable, 12, 101)

    assert alarms(observed(100, before), observed(900, after)) == ()


def test_a_stalled_writer_stays_told_until_it_writes(variable: Object) -> None:
    """The rhythm is out of sight after some seconds, the trouble is not."""
    before, silent = written(variable, 10, 100), written(variable, 210, 102)
    first = alarms(observed(100, before), observed(104, silent))

    later = alarms(observed(104, silent), observed(110, silent), first)
    again = alarms(observed(104, silent), observed(110, written(variable, 211, 109.9)), later)

    assert told(later) == [("stalled writer", True)]
    assert later[0].since == 104
    assert again == ()


def test_a_writer_that_stalls_in_a_put_stays_told(variable: Object) -> None:
    """It has given up what was taken, and the next value is not there yet: nothing says when the last one was put."""
    before, silent = written(variable, 10, 100), written(variable, 210, 102)
    first = alarms(observed(100, before), observed(104, silent))
    given_up = replace(silent, written=None)

    later = alarms(observed(104, silent), observed(110, given_up), first)

    assert told(later) == [("stalled writer", True)]


def test_a_writer_that_died_is_not_called_stalled(variable: Object) -> None:
    """One cause, one alarm."""
    before, after = written(variable, 10, 100), written(variable, 210, 102)

    found = alarms(observed(100, before), observed(110, of_participant(after, alive=False)))

    assert told(found) == [("dead participant", False)]


def test_a_reader_at_the_place_of_a_former_writer_is_not_called_stalled(variable: Object) -> None:
    """Counts stay with the place, and the writer has closed in good order."""
    before, after = written(variable, 10, 100), written(variable, 210, 102)
    reader = of_participant(after, pid=1)

    assert alarms(observed(100, before), observed(110, reader)) == ()


def test_another_object_of_the_same_name_is_not_compared(variable: Object) -> None:
    """It was made anew, and its counts began anew."""
    before, after = written(variable, 10, 100), written(variable, 210, 102)

    assert alarms(observed(100, replace(before, uuid="other")), observed(110, after)) == ()


def test_a_full_channel_that_nobody_reads_is_critical(channel: Object) -> None:
    """Its writer waits."""
    half, full = replace(channel, filled=50, position=50), replace(channel, filled=95, position=95)

    assert told(alarms(observed(1, half), observed(3, full))) == [("full channel", True)]
    assert alarms(observed(1, half), observed(1.5, full)) == ()
    assert alarms(observed(1, half), observed(3, replace(half, position=900))) == ()


def test_a_channel_that_is_full_again_and_again_has_a_slow_reader(channel: Object) -> None:
    """It flows, and not as fast as the writer would."""
    full, later = replace(channel, filled=95, position=95), replace(channel, filled=95, position=500)
    empty = replace(channel, filled=0, position=0)

    assert told(alarms(observed(1, full), observed(3, later))) == [("full channel", False)]
    assert alarms(observed(1, empty), observed(3, later)) == ()


@pytest.mark.parametrize(
    ("earlier", "later", "growing"),
    [
        ({"reads": 100, "skipped": 0}, {"reads": 110, "skipped": 40}, True),
        ({"reads": 100, "skipped": 400}, {"reads": 110, "skipped": 440}, False),
        ({"reads": 100, "skipped": 0}, {"reads": 101, "skipped": 4}, False),
        ({"reads": 100, "skipped": 0}, {"reads": 200, "skipped": 10}, False),
    ],
    ids=["a reader falls behind", "it always skipped as much", "too few to tell", "a small part"],
)
def test_skips_are_told_when_a_reader_passes_over_more_than_it_used_to(
    variable: Object,
    earlier: dict[str, int],
    later: dict[str, int],
    growing: bool,  # noqa: FBT001
) -> None:
    """A reader at its own rate skips by design, and always the same part."""
    (participant,) = variable.participants
    before = replace(variable, participants=(counted(participant, **earlier),))
    after = replace(variable, participants=(counted(participant, **later),))

    found = alarms(observed(1, before), observed(6, after))

    assert told(found) == [("growing skips", False)] * growing


def test_critical_alarms_come_first(variable: Object) -> None:
    """There may be many."""
    dead = of_participant(variable, alive=False)
    damaged = Damaged("zzz", "Corrupted", "its checksum is wrong")

    assert told(alarms(observed(1), observed(2, dead, damaged))) == [
        ("damaged object", True),
        ("dead participant", False),
    ]

"""What the demo concludes from the reports of its processes: a proof is worth what its accounting is worth."""

from __future__ import annotations

import os

import numpy as np
import pytest

from memlane.demo.gaps import Watch, WriterLives
from memlane.demo.latency import Latencies
from memlane.demo.ledger import Gap, Ledger
from memlane.demo.marks import KEPT, Marks
from memlane.demo.report import (
    Answered,
    AnsweredWrongly,
    Failed,
    Ready,
    Received,
    Report,
    Reports,
    Said,
    Saw,
    SawTorn,
    ServerDied,
    Wrote,
    parse,
)
from memlane.demo.seal import Seal, Torn, seal, unseal
from memlane.demo.telemetry import Line, Telemetry, encoded
from memlane.demo.variables import VARIABLES


def saw(
    life: int, number: int, at: int, *, version: int | None = None, asked: int | None = None, began: int = 0
) -> Saw:
    """Return the report of a command that was read at a time."""
    version = 100 * life + number if version is None else version
    return Saw("command", life, number, began, at - 1, version, at if asked is None else asked, at)


def ledger_of(*reports: Saw | Wrote | SawTorn) -> Ledger:
    """Return a ledger that took a camera's reports, and the controller's, from the time 0 on."""
    ledger = Ledger()
    ledger.record("camera", 1, Ready(0))
    for report in reports:
        ledger.record("controller" if isinstance(report, Wrote) else "camera", 1, report)
    return ledger


# -- gaps ---------------------------------------------------------------------------------------------------


def test_gap_lies_between_two_new_values_of_one_life() -> None:
    """The plain case: the writer lives all the time."""
    ledger = ledger_of(saw(1, 1, at=10), saw(1, 2, at=15), saw(1, 3, at=45), saw(1, 4, at=50))

    assert ledger.longest_gap == Gap(30, "command", "camera")


def test_time_without_a_writer_is_no_gap() -> None:
    """Between a kill and the next life nobody could publish."""
    writers = WriterLives()
    writers.note(1, began=0)
    watch = Watch(writers, ready=0)
    watch.until(100)
    writers.end(1, at=105)
    writers.note(2, began=900)

    assert watch.until(903) == 5


def test_time_before_the_first_value_of_a_new_life_counts_from_its_first_write() -> None:
    """A reader that does not notice a restarted writer is what the demo looks for."""
    writers = WriterLives()
    writers.note(1, began=0)
    watch = Watch(writers, ready=0)
    watch.until(100)
    writers.end(1, at=105)
    writers.note(2, began=900)

    assert watch.until(980) == 80


def test_reader_that_misses_a_whole_life_has_a_gap_as_long_as_that_life() -> None:
    """A life between two values that were seen must not fall through the cracks."""
    writers = WriterLives()
    writers.note(1, began=0)
    watch = Watch(writers, ready=0)
    watch.until(100)
    writers.end(1, at=101)
    writers.note(2, began=200)
    writers.end(2, at=270)
    writers.note(3, began=300)

    assert watch.until(305) == 70


def test_reader_that_never_sees_a_value_has_a_gap_when_it_ends() -> None:
    """A process that hangs reports nothing: its end, which the supervisor knows, has to do."""
    ledger = Ledger()
    ledger.record("camera", 1, Ready(50))
    ledger.record("controller", 1, Wrote("command", 1, began=60, at=61))

    ledger.end("camera", 1, at=560)

    assert ledger.longest_gap == Gap(500, "command", "camera")


def test_writer_that_is_killed_ends_the_gap() -> None:
    """What came after its death is not held against the reader."""
    ledger = ledger_of(saw(1, 1, at=10))
    ledger.end("controller", 1, at=30)

    ledger.end("camera", 1, at=560)

    assert ledger.longest_gap.nanoseconds == 20


def test_restarted_reader_does_not_answer_for_its_former_life() -> None:
    """Between two lives there is no reader that could have a gap."""
    ledger = ledger_of(saw(1, 1, at=10))
    ledger.end("camera", 1, at=12)
    ledger.record("camera", 2, Ready(900))
    ledger.record("camera", 2, saw(1, 500, at=903))

    assert ledger.longest_gap.nanoseconds == 10


# -- order --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "read", "outdated"),
    [
        (Wrote("command", 7, 0, at=20), saw(1, 6, at=30, asked=21), 1),
        (Wrote("command", 7, 0, at=20), saw(1, 7, at=30, asked=21), 0),
        (Wrote("command", 7, 0, at=20), saw(1, 6, at=30, asked=19), 0),
        (saw(2, 1, at=20), saw(1, 900, at=30, asked=21), 1),
    ],
    ids=["older than acknowledged", "the acknowledged one", "begun before the acknowledgement", "of a former life"],
)
def test_read_must_find_what_was_there_before_it_began(known: Wrote | Saw, read: Saw, outdated: int) -> None:
    """A write that was acknowledged and is gone would be a lost one."""
    assert ledger_of(known, read).outdated == outdated


def test_version_below_one_that_somebody_had_seen_is_counted() -> None:
    """Versions never fall, in any process."""
    ledger = ledger_of(saw(1, 1, at=10, version=8), saw(1, 2, at=20, version=7))

    assert ledger.fallen == 1


def test_torn_value_is_counted_and_quoted() -> None:
    """Whoever sees `torn 1` wants to know what it was."""
    ledger = ledger_of(SawTorn("command", "checksum 1, sealed with 2", at=10))

    assert ledger.torn == 1
    assert ledger.torn_reasons == ["command, read by camera: checksum 1, sealed with 2"]


def test_skipped_values_are_counted_within_one_life() -> None:
    """The numbers of two writers' lives have nothing to do with each other."""
    ledger = ledger_of(saw(1, 1, at=10), saw(1, 5, at=20), saw(2, 40, at=30), saw(2, 41, at=40))

    assert ledger.accounts["command"].routes["camera"].skipped == 3


def test_marks_may_come_in_any_order() -> None:
    """Pipes of several processes are emptied one after the other."""
    marks: Marks[int] = Marks(0)
    marks.reach(5, at=50)
    marks.reach(3, at=30)
    marks.reach(4, at=60)

    assert [marks.before(at) for at in (30, 31, 50, 51, 61)] == [0, 3, 3, 5, 5]


def test_marks_that_are_forgotten_raise_no_alarm() -> None:
    """A long run needs no more memory than a short one, and a late report must not be judged by what came later."""
    marks: Marks[int] = Marks(0)
    for number in range(1, 2 * KEPT):
        marks.reach(number, at=10 * number)

    assert marks.before(10 * (2 * KEPT)) == 2 * KEPT - 1
    assert marks.before(10 * (2 * KEPT) - 10 * KEPT // 2 + 1) == 2 * KEPT - KEPT // 2
    assert marks.before(15) == 0


# -- figures ------------------------------------------------------------------------------------------------


def test_percentiles_are_within_five_percent() -> None:
    """The table's figures come from a counter of rounded values."""
    latencies = Latencies()
    for nanoseconds in range(1, 1_000_001, 100):
        latencies.add(nanoseconds)

    assert latencies.percentile(50) == pytest.approx(500e-6, rel=0.05)
    assert latencies.percentile(99) == pytest.approx(990e-6, rel=0.05)


def test_no_percentile_without_a_latency() -> None:
    """A table that is drawn before the first value shows a dash."""
    assert Latencies().percentile(50) is None


# -- seals and reports --------------------------------------------------------------------------------------

WRITE = Seal(life=1, number=2, began=3, stamp=4)
COURSE = {"velocity": 0.5, "steering": -0.25, "phase": 2.0, "stop": True}
COMMAND = VARIABLES["command"].format


def test_seal_is_opened_to_the_write_that_was_sealed() -> None:
    """The checksum is beside the parts, not instead of them."""
    sealed = seal(COMMAND, WRITE, COURSE)

    assert unseal(sealed) == WRITE
    assert {name: sealed[name] for name in COURSE} == COURSE


@pytest.mark.parametrize("place", ["seal", *COURSE, "checksum"])
def test_any_part_of_another_write_breaks_the_seal(place: str) -> None:
    """A value that is whole in each part and mixed of two writes is torn, too."""
    value = seal(COMMAND, WRITE, COURSE)
    other = {"velocity": 0.25, "steering": 0.75, "phase": 3.0, "stop": False}
    value[place] = seal(COMMAND, Seal(2, 3, 9, 9), other)[place]

    with pytest.raises(Torn, match="checksum"):
        unseal(value)


@pytest.mark.parametrize("variable", VARIABLES)
def test_any_byte_of_another_write_breaks_the_seal(variable: str) -> None:
    """Bytes count, not what they mean: a C++ program computes the same sum."""
    value = seal(VARIABLES[variable].format, WRITE, {})
    _, checksum = value.dtype.fields["checksum"]
    bytes_of = np.frombuffer(value, np.uint8).copy()
    bytes_of[checksum // 2] ^= 1

    with pytest.raises(Torn, match="checksum"):
        unseal(bytes_of.view(value.dtype)[0])


def test_value_that_was_never_sealed_is_torn() -> None:
    """Fresh memory is all zeros."""
    with pytest.raises(Torn, match="checksum"):
        unseal(np.zeros((), COMMAND))


# -- calls and lines ----------------------------------------------------------------------------------------


def test_calls_are_counted_by_how_they_ended() -> None:
    """An answer, an answer to something else, a dead server: each is another thing to know."""
    ledger = Ledger()
    ledger.record("controller", 1, Answered(sent=1_000_000, at=3_000_000))
    ledger.record("controller", 1, ServerDied(at=4))
    ledger.record("controller", 2, AnsweredWrongly("asked about 7, answered about 6", at=5))
    ledger.record("model", 1, Received("frame", at=6))

    assert (ledger.calls.answered, ledger.calls.died, ledger.calls.wrong) == (1, 1, 1)
    assert ledger.calls.latencies.percentile(50) == 2e-3
    assert ledger.calls.reasons == ["segment: asked about 7, answered about 6"]
    assert ledger.frames_verified == 1


def lines(*numbers: int, life: int = 1) -> list[bytes]:
    """Return the bytes of lines, without their ends."""
    return [encoded(Line(life, number, "12 calls, 3.4 ms each"))[:-1] for number in numbers]


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        (lines(1, 2, 3), 0),
        (lines(1, 3), 1),
        (lines(1, 2, 2), 1),
        (lines(1, 2) + lines(1, 2, life=2), 0),
        (lines(1, 2) + lines(2, life=2), 1),
        ([lines(1)[0][:-1]], 1),
        ([b""], 1),
    ],
    ids=["in order", "lost", "doubled", "of two lives", "the first of a life lost", "cut", "empty"],
)
def test_lines_that_are_lost_doubled_or_damaged_are_counted(heard: list[bytes], wrong: int) -> None:
    """The channel promises each byte once."""
    telemetry = Telemetry()
    for line in heard:
        telemetry.hear(line)

    assert (telemetry.heard, telemetry.wrong, telemetry.lost) == (len(heard), wrong, 0)


def test_lines_that_were_acknowledged_and_never_came_are_lost() -> None:
    """The last ones, after which no other shows that they are missing."""
    telemetry = Telemetry()
    telemetry.said(1, Said(3, at=1))
    telemetry.said(2, Said(2, at=2))
    for line in lines(1, 2, 3) + lines(1, life=2):
        telemetry.hear(line)

    assert (telemetry.wrong, telemetry.lost) == (0, 1)
    assert telemetry.last == Line(2, 1, "12 calls, 3.4 ms each")


@pytest.mark.parametrize(
    "report",
    [
        Ready(1),
        Wrote("frame", 1, 2, 3),
        saw(1, 2, at=3),
        SawTorn("frame", "why", 1),
        Received("frame", 1),
        Answered(1, 2),
        AnsweredWrongly("why", 1),
        ServerDied(1),
        Said(1, 2),
        Failed("line\nline \N{PILE OF POO}"),
    ],
)
def test_report_survives_its_pipe(report: Report) -> None:
    """What the supervisor judges is what the process said, on one line."""
    line = report_line(report)

    assert line.count(b"\n") == 1
    assert parse(line) == report


def report_line(report: Report) -> bytes:
    """Send a report through a pipe."""
    reader, writer = os.pipe()
    try:
        Reports(writer).send(report)
        return os.read(reader, 65536)
    finally:
        os.close(reader)
        os.close(writer)

"""Counters of an object, the same for everybody who looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable

if TYPE_CHECKING:
    from pathlib import Path


def test_new_variable_has_counted_nothing(variable: HostVariable) -> None:
    """The starting point of every rate."""
    assert variable.stats() == memlane.VariableStatistics(
        writes=0,
        reads=0,
        bytes_written=0,
        bytes_read=0,
        superseded=0,
        skipped=0,
        retries=0,
        recovered=0,
        version=0,
        live_participants=1,
        slots_writing=0,
        slots_pinned=0,
        is_current=True,
    )


def test_writes_and_reads_are_counted_with_their_bytes(variable: HostVariable) -> None:
    """Rates and throughput come from these."""
    for _ in range(3):
        variable.data = bytes(100)
    _ = variable.data
    _ = variable.read()

    statistics = variable.stats()

    assert (statistics.writes, statistics.reads, statistics.version) == (3, 2, 3)
    assert 300 <= statistics.bytes_written <= 300 + 3 * 16
    assert statistics.bytes_read * 3 == statistics.bytes_written * 2


def test_counters_are_those_of_the_object_not_of_the_endpoint(variable: HostVariable) -> None:
    """A monitor sees what everybody did."""
    with HostVariable("pose") as writer:
        writer.data = 1

        assert variable.stats() == writer.stats()


def test_counters_survive_the_endpoint_that_counted(variable: HostVariable) -> None:
    """A sum that falls would give negative rates."""
    for number in range(5):
        with HostVariable("pose") as writer:
            writer.data = number

    assert variable.stats().writes == 5


def test_participants_are_open_endpoints(variable: HostVariable) -> None:
    """Who is there, at this moment."""
    counts = [variable.stats().live_participants]
    with HostVariable("pose"), HostVariable("pose"):
        counts.append(variable.stats().live_participants)
    counts.append(variable.stats().live_participants)

    assert counts == [1, 3, 1]


def test_failed_write_is_not_counted(variable: HostVariable) -> None:
    """Only what was committed counts."""
    with pytest.raises(memlane.ValueTooLarge):
        variable.data = bytes(5000)

    assert (variable.stats().writes, variable.stats().bytes_written) == (0, 0)


def test_slots_in_use_are_shown(variable: HostVariable) -> None:
    """Where NoFreeSlot comes from can be seen before it comes."""
    variable.data = b"one"
    first = variable.view()
    variable.data = b"two"
    second = variable.view()
    pinned = variable.stats().slots_pinned
    with variable.loan(size=1):
        writing = variable.stats().slots_writing

    assert (pinned, writing) == (2, 1)
    del first, second
    assert (variable.stats().slots_pinned, variable.stats().slots_writing) == (0, 0)


def test_statistics_cannot_be_changed_by_mistake(variable: HostVariable) -> None:
    """A snapshot stays one."""
    with pytest.raises(AttributeError):
        variable.stats().writes = 7  # type: ignore[misc]


def test_snapshot_does_not_follow_the_object(variable: HostVariable, namespace: Path) -> None:
    """Two snapshots make a rate."""
    before = variable.stats()
    variable.data = 1

    assert variable.stats().writes - before.writes == 1

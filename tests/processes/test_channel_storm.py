"""Readers and writers of a channel, killed in mid-stream and replaced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests import stream
from tests.peer import Link, Peer
from tests.storm import spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = int(os.environ.get("MEMLANE_TEST_KILLS", "2000")) // 20
"""Of each end: 100 in the usual run; the long form sets MEMLANE_TEST_KILLS=20000, for 1,000 of each."""


def run_storm(link: Link, storm: Callable[[str, int, int], object], seed: int) -> None:
    """Rage in a process of its own, which is warm, has one thread, and gives everything back when it ends."""
    link.send(storm("stream", KILLS, seed))


def outcome_of(storm: Callable[[str, int, int], object], seed: int) -> Any:
    """Return what a storm came to."""
    with Peer(run_storm, storm, seed) as orchestrator:
        return orchestrator.receive(timeout=90 + KILLS / 2)


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS // 2)
def test_killed_readers_and_writers_lose_and_double_no_byte(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A successor goes on at the very byte where the killed one stopped, whatever it was doing."""
    seed = int.from_bytes(os.urandom(4), "little")

    toll: stream.Toll = outcome_of(stream.rage, seed)
    with capsys.disabled():
        print(f"\nchannel storm: {toll}")

    assert toll.kills == 2 * KILLS, f"seed {seed}"
    assert toll.inside >= 0.15 * toll.kills
    assert toll.taken_over > 0
    assert toll.bytes_carried > 0


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS // 2)
def test_a_blocked_writer_learns_of_the_death_of_its_reader(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each time, and never a hang; how late is printed, because a loaded machine may be any time late."""
    seed = int.from_bytes(os.urandom(4), "little")

    delays: list[float] = outcome_of(stream.delays_of_a_blocked_writer, seed)
    with capsys.disabled():
        print(f"\na blocked writer, from the kill of its reader to OppositeEndDiedError: {spread(delays)}")

    assert len(delays) == KILLS, f"seed {seed}"
    assert min(delays) > 0

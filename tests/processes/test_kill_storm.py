"""Thousands of real Python writers, killed at random moments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests import storm
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = int(os.environ.get("MEMLANE_TEST_KILLS", "2000"))
"""2,000 in the usual run; the long form sets 20,000."""


def run_storm(link: Link, name: str, kills: int, seed: int) -> None:
    """Rage in a process of its own, which is warm, has one thread, and gives everything back when it ends."""
    link.send(storm.rage(name, kills, seed))


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS // 10)
def test_killed_writers_tear_nothing_lose_nothing_and_block_nobody(
    namespace: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    """The promise of the project, with real processes and real signals."""
    seed = int.from_bytes(os.urandom(4), "little")

    with Peer(run_storm, "pose", KILLS, seed) as orchestrator:
        toll = orchestrator.receive(timeout=90 + KILLS / 10)
    record_property("toll", repr(toll))
    with capsys.disabled():
        print(f"\nkill storm: {toll}")

    assert (toll.torn, toll.lost, toll.lost_slots) == (0, 0, 0), f"seed {seed}"
    assert toll.kills == KILLS
    assert toll.inside >= 0.3 * KILLS
    assert min(toll.inside_of.values()) > 0


def run_storm_among_writers(link: Link, name: str, kills: int, seed: int) -> None:
    """Rage among three writers at once."""
    link.send(storm.rage_among_writers(name, kills, seed))


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS // 10)
def test_killed_writers_harm_no_other_writers(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The living write on while the dead are cleaned up, in the same slots."""
    seed = int.from_bytes(os.urandom(4), "little")

    with Peer(run_storm_among_writers, "pose", KILLS // 10, seed) as orchestrator:
        toll = orchestrator.receive(timeout=90 + KILLS / 10)
    with capsys.disabled():
        print(f"\nkill storm among writers: {toll}")

    assert (toll.torn, toll.lost, toll.lost_slots) == (0, 0, 0), f"seed {seed}"
    assert toll.inside >= 0.3 * toll.kills > 0

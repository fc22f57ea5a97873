"""The tutorial's three terminals, as three real processes that follow it to the letter."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.docs import pages
from tests.docs.test_two_terminals import close, read_line, terminal

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/tutorial/robot.md"


def line_with(wheels: object, beginning: str) -> str:
    """Read what the wheels print up to a line that begins so."""
    while not (line := read_line(wheels)).startswith(beginning):  # type: ignore[arg-type]
        pass
    return line


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_robot_stops_while_its_planner_is_dead_and_rolls_on_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows the tutorial sees what it says, in any order of starting."""
    monkeypatch.chdir(tmp_path)
    lidar, planner, wheels = (fence.text for fence in pages.fences(PAGE) if fence.language == "bash")

    with terminal(wheels) as wheel, terminal(lidar):
        assert read_line(wheel) == "stop: never commanded\n"
        with terminal(planner) as first:
            line_with(wheel, "roll at 1.00")
            close(first, signal.SIGKILL)
            line_with(wheel, "stop: no command for 0.5 s")
        with terminal(planner):
            line_with(wheel, "roll at ")

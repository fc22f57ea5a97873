"""The examples of the robot run, all of them, by their one command."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.peer import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.timeout(140)
def test_robot_drives_by_one_command(namespace: Path) -> None:
    """An example that does not run costs a reader more than none."""
    command = [sys.executable, str(REPOSITORY / "examples" / "robot" / "robot.py")]

    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1].startswith("drove 50 steps: <PolarBear 'rt-polar-bear-")

"""The example for ROS, without ROS: clouds there, labels back, and a segmentation process that is killed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from memlane import NumpyShare
from tests.peer import REPOSITORY, wait_until

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = REPOSITORY / "examples" / "ros_segmentation"
CLOUDS = 6


def segmentation() -> subprocess.Popen[bytes]:
    """Start the process with the model."""
    return subprocess.Popen([sys.executable, str(EXAMPLE / "segmentation.py")], stdout=subprocess.DEVNULL)


def taken(share: NumpyShare) -> int:
    """Say how many clouds were taken."""
    return share.stats().taken


@pytest.mark.slow
@pytest.mark.timeout(140)
def test_no_cloud_is_lost_when_the_segmentation_is_killed(namespace: Path, tmp_path: Path) -> None:
    """The real use: the model's process may crash at any time."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install scikit-learn")
    np.save(tmp_path / "cloud.npy", np.random.default_rng(1).normal(size=(5_000, 4)).astype(np.float32))
    replay = [sys.executable, str(EXAMPLE / "replay.py"), str(tmp_path / "cloud.npy"), str(CLOUDS)]
    with NumpyShare("cloud_share", "8M", "put") as watched:
        first, second = segmentation(), None
        player = subprocess.Popen(replay, stdout=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: taken(watched) >= 2, "the second cloud is taken", timeout=100)
            first.kill()
            first.wait()
            second = segmentation()
            output, _ = player.communicate(timeout=120)
        finally:
            for process in (first, second, player):
                if process is not None:
                    process.kill()
                    process.wait()

    assert player.returncode == 0
    assert f"{CLOUDS} clouds of 5000 points" in output

"""Run the whole example with ROS: roscore, the node, the segmentation, a recording that is played.

    python run_with_ros.py /usr/bin/python3 cloud.npy FOLDER COUNT

The first argument is the Python of ROS, which has rospy and numpy, and takes memlane from FOLDER (``python -m memlane
compat --to FOLDER``); the segmentation runs in the Python that runs this. In the midst of it that process is killed and
started again. Exits as the player does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent


def segmentation() -> subprocess.Popen[str]:
    """Start the process with the model, and wait until it is ready."""
    process = subprocess.Popen([sys.executable, str(HERE / "segmentation.py")], stdout=subprocess.PIPE, text=True)
    next(lines(process))
    return process


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Return what a process prints, line by line."""
    return iter(process.stdout or ())


def play(python: str, environment: dict[str, str], bag: str, count: int) -> int:
    """Play the recording; kill the segmentation after half of it."""
    model = segmentation()
    player = subprocess.Popen(
        [python, str(HERE / "play_bag.py"), bag], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        for line in lines(player):
            print(line, end="", flush=True)
            if line.startswith(f"cloud {count // 2}:"):
                model.kill()
                model.wait()
                print("the segmentation was killed", flush=True)
                model = segmentation()
        return player.wait()
    finally:
        for process in (model, player):
            process.kill()
            process.wait()


def main(python: str, cloud: str, folder: str, count: str) -> int:
    """Run it."""
    environment = {**os.environ, "PYTHONPATH": folder}
    bag = str(Path(folder) / "clouds.bag")
    subprocess.run([python, str(HERE / "record_bag.py"), cloud, bag, count], env=environment, check=True)
    started = [
        subprocess.Popen([shutil.which("roscore") or "roscore"], env=environment, stdout=subprocess.DEVNULL),
        subprocess.Popen([python, str(HERE / "ros_node.py")], env=environment),
    ]
    try:
        return play(python, environment, bag, int(count))
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

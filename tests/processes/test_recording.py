"""`memlane record` and `memlane replay` as their users run them: beside the demo, killed, ended by Ctrl-C.

The long form records a minute of the demo and asks for the times too, on a machine that does nothing else::

    python -m tests.processes.test_recording 60
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable
from memlane.errors import Corrupted
from memlane.recording import Recording, compare
from tests.peer import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(140)]

WRITTEN_OFTEN = ("frame", "pose", "labels", "statistics", "command")
WITHIN_SECONDS = 0.002
"""What the long form asks of 99 of 100 values."""


@contextmanager
def command(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a subcommand; kill it if it still runs at the end of the block."""
    words = [sys.executable, "-m", "memlane", *map(str, arguments)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def recorder(path: Path, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a recorder that looks already."""
    with command("record", "-o", path, "--directory", directory) as process:
        assert process.stderr is not None
        assert "looking at" in process.stderr.readline()
        yield process


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Ask for the end, and return what was said."""
    process.send_signal(number)
    said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    return said


def count(path: Path) -> int:
    """Return how many samples can be read."""
    with suppress(Corrupted):  # not even the file's beginning is written
        return sum(entry.samples for entry in Recording(path).contents())
    return 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_recorder_finishes_its_file_when_it_is_asked_to_end(
    number: signal.Signals, namespace: Path, tmp_path: Path
) -> None:
    """Ctrl-C is how every recording ends."""
    with HostVariable("pose") as pose, recorder(tmp_path / "run.mcap", namespace) as process:
        pose.data = 1
        wait_until(lambda: count(tmp_path / "run.mcap"), "the value is in the file")

        said = end(process, number)

    recording = Recording(tmp_path / "run.mcap")
    assert [entry.samples for entry in recording.contents()] == [1]
    assert recording.is_complete
    assert "1 samples of 1 objects" in said


def test_killed_recorder_leaves_a_file_that_can_be_read_and_replayed(namespace: Path, tmp_path: Path) -> None:
    """A robot whose power fails is the one whose recording is wanted."""
    path = tmp_path / "run.mcap"
    with HostVariable("pose") as pose, recorder(path, namespace) as process:
        for value in range(3):
            pose.data = value
            wait_until(lambda value=value: count(path) > value, "the value is in the file")  # type: ignore[misc]
        process.kill()
        process.wait()
        uuid = memlane.inspect.look("pose").uuid
    memlane.unlink("pose")

    with command("replay", path) as replay:
        said, complaints = replay.communicate()

    recording = Recording(path)
    assert [(entry.description.uuid, entry.samples) for entry in recording.contents()] == [(uuid, 3)]
    assert not recording.is_complete
    assert said.startswith("3 samples in ")
    assert "was never finished" in complaints
    with HostVariable("pose", create=False) as again:
        assert (again.data, again.version) == (2, 3)


def test_replay_goes_on_for_ever_until_ctrl_c(namespace: Path, tmp_path: Path) -> None:
    """A program under test wants more than one round."""
    path = tmp_path / "run.mcap"
    with HostVariable("pose") as pose, recorder(path, namespace) as process:
        pose.data = "here"
        wait_until(lambda: count(path), "the value is in the file")
        end(process)
    memlane.unlink("pose")

    with command("replay", path, "--loop", "--speed", "10") as replay, HostVariable("pose") as again:
        wait_until(lambda: again.version >= 3, "the replay went round three times")
        said = end(replay)

    assert int(said.split()[0]) >= 3


def record_the_demo(path: Path, beside: Path, seconds: float, is_enough: Callable[[], bool] | None = None) -> None:
    """Record the demo.

    Args:
        path: The file.
        beside: The directory in shared memory beside which the demo makes its own.
        seconds: How long it runs.
        is_enough: Asked whether to end it before.
    """
    with command("demo", "--seconds", seconds, "--longest-gap", 60000, MEMLANE_DIR=str(beside / "none")) as demo:
        wait_until(lambda: list(beside.glob("memlane-demo-*")), "the demo's namespace is there")
        (directory,) = beside.glob("memlane-demo-*")
        with recorder(path, directory) as process:
            if is_enough is not None:
                wait_until(is_enough, "enough was recorded", timeout=60)
                demo.send_signal(signal.SIGTERM)
            _, complaints = demo.communicate()
            assert demo.returncode == 0, complaints
            end(process)


def record_the_replay(original: Path, path: Path, directory: Path) -> None:
    """Replay a recording into an empty namespace, and record what is there then."""
    with recorder(path, directory) as process:
        with command("replay", original, "--directory", directory) as replay:
            _, complaints = replay.communicate()
            assert replay.returncode == 0, complaints
        end(process)


def test_replay_of_the_demo_has_its_values_in_their_order(namespace: Path, tmp_path: Path) -> None:
    """What a program does with a replay counts only if it is what happened."""
    original, copy, replayed = tmp_path / "demo.mcap", tmp_path / "replay.mcap", namespace / "replayed"
    replayed.mkdir(mode=0o700)

    record_the_demo(original, namespace, 600, lambda: fewest(original) >= 5)
    record_the_replay(original, copy, replayed)

    found = {entry.name: entry for entry in compare(original, copy)}
    original.unlink()  # hundreds of megabytes, which pytest would keep
    copy.unlink()
    assert found.keys() == {*WRITTEN_OFTEN, "stereo_pair", "telemetry"}
    assert all(entry.is_same for entry in found.values()), found
    assert all(found[name].same for name in (*WRITTEN_OFTEN, "stereo_pair")), found


def fewest(path: Path) -> int:
    """Return how many samples there are of that variable of the demo which has the fewest."""
    with suppress(Corrupted):  # not even the file's beginning is written
        samples = {entry.description.name: entry.samples for entry in Recording(path).contents()}
        return min(samples.get(name, 0) for name in WRITTEN_OFTEN) if "telemetry" in samples else 0
    return 0


def main(seconds: float) -> int:
    """Do so for a while, say how it compares, and return 1 where values differ or times are not kept."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as beside,
        tempfile.TemporaryDirectory() as folder,
    ):
        replayed = Path(beside) / "replayed"
        replayed.mkdir(mode=0o700)
        record_the_demo(Path(folder) / "demo.mcap", Path(beside), seconds)
        record_the_replay(Path(folder) / "demo.mcap", Path(folder) / "replay.mcap", replayed)
        for name in ("demo.mcap", "replay.mcap"):
            subprocess.run([sys.executable, "-m", "memlane", "info", name], cwd=folder, check=True)
        comparison = ["info", "demo.mcap", "--compare", "replay.mcap", "--within", str(WITHIN_SECONDS)]
        return subprocess.run([sys.executable, "-m", "memlane", *comparison], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))

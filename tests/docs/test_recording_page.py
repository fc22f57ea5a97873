"""A reader that knows only the page of the recording understands a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from mcap.reader import make_reader

from memlane import HostVariable
from memlane.buffer import NullDevice
from memlane.cli.jsonable import jsonable
from memlane.recording import Recorder
from tests.docs import pages

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/format/recording.md"
HOW_TO = "docs/how-to/record-and-replay.md"


def test_page_says_what_is_in_a_file(namespace: Path, tmp_path: Path) -> None:
    """Other programs read it by the page."""
    with (
        HostVariable("pose", data_format=np.dtype([("x", "f8")])) as pose,
        NullDevice.open("device"),
        Recorder(tmp_path / "run.mcap", jsonable=jsonable) as recorder,
    ):
        pose.data = (1.5,)
        pose.data = (2.5,)
        recorder.look()

    with open(tmp_path / "run.mcap", "rb") as stream:
        reader = make_reader(stream)
        profile = reader.get_header().profile
        messages = {channel.topic: (channel, message) for _, channel, message in reader.iter_messages()}
    channel, message = messages["/memlane/pose"]
    _, view = messages["/pose"]
    fields = {}
    for row in pages.table(PAGE, "## Samples"):
        offset, size = int(row["Offset"]), int(row["Size"])
        fields[row["Field"]] = int.from_bytes(message.data[offset : offset + size], "little")
    assert (profile, channel.message_encoding, channel.schema_id) == ("memlane", "memlane", 0)
    assert (fields["number"], fields["missed"], fields["mark"], fields["unused"]) == (2, 0, 5, 0)
    assert (fields["real_ns"], message.sequence) == (message.publish_time, 2)
    assert np.frombuffer(message.data[40:]) == [2.5]
    keys = {row["Key"] for row in pages.table(PAGE, "## Objects")}
    described = {key for topic in ("/memlane/pose", "/memlane/device") for key in messages[topic][0].metadata}
    assert keys == described
    members = {row["Member"] for row in pages.table(PAGE, "## View")}
    assert members == set(json.loads(view.data))


@pytest.mark.slow
def test_how_to_is_followed_in_its_order(namespace: Path, namespaces: Path, tmp_path: Path) -> None:
    """Who types what stands there sees that the replay was what happened; how late it was is for a quiet machine."""
    with Recorder(tmp_path / "run.mcap") as recorder, HostVariable("pose") as pose:
        pose.data = 1.5
        recorder.look()
    first, compared = (fence.text for fence in pages.fences(HOW_TO) if "memlane replay" in fence.text)
    typed = [line for line in first.splitlines() if "memlane replay" in line] + compared.splitlines()
    program = "\n".join(typed).replace("/dev/shm", str(namespaces)).replace(" --within 0.002", "")
    command = tmp_path / "memlane"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m memlane "$@"\n')
    command.chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", program],
        cwd=tmp_path, env={**os.environ, "PATH": path}, check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2].split()[:4] == ["pose", "variable", "1", "0"]

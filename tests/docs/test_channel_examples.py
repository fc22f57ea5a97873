"""The programs of examples/ do what they say."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs import pages

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = pages.REPOSITORY / "examples"


def start(*command: str) -> subprocess.Popen[str]:
    """Start one of the programs."""
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def check(receiver: subprocess.Popen[str], sender: subprocess.Popen[str]) -> None:
    """Let both end, and compare what the receiver says."""
    sender.communicate(timeout=30)
    assert sender.returncode == 0
    assert receiver.communicate(timeout=30)[0] == "1000 lines, the last one 'line 999\\n'\n"


@pytest.mark.slow
def test_sender_and_receiver_of_the_examples_understand_each_other(namespace: Path) -> None:
    """An example that does not run teaches nothing."""
    receiver = start(sys.executable, str(EXAMPLES / "channel_receiver.py"))

    check(receiver, start(sys.executable, str(EXAMPLES / "channel_sender.py")))

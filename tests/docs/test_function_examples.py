"""The programs of examples/ that serve and call, and the two ends of a channel: C, C++ and Python with each other."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostFunctionCaller
from tests.compiler import compile_file
from tests.docs import pages
from tests.peer import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = pages.REPOSITORY / "examples"
LANGUAGES = ("c", "cpp", "py")
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for programs."""
    return tmp_path_factory.mktemp("examples")


def command(program: str, language: str, folder: Path) -> list[str]:
    """Return what starts a program; one that is to be compiled is so once."""
    source = EXAMPLES / f"{program}.{language}"
    if language == "py":
        return [sys.executable, str(source)]
    compiled = folder / f"{program}_{language}"
    if not compiled.exists():
        compile_file(source, compiled)
    return [str(compiled)]


@pytest.fixture(params=LANGUAGES)
def server(request: pytest.FixtureRequest, folder: Path, namespace: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a server that runs in one of the languages."""
    assert namespace.exists()
    process = subprocess.Popen(command("function_server", request.param, folder))
    yield process
    process.send_signal(signal.SIGINT)
    status = process.wait(PATIENCE_SECONDS)
    memlane.unlink("judge")
    assert status == 0


def is_served() -> bool:
    """Whether the server is there."""
    try:
        with HostFunctionCaller("judge", create=False) as judge:
            return judge.is_served
    except memlane.ObjectNotFound:
        return False


@pytest.mark.slow
def test_structs_go_from_each_language_to_each_other_one(server: subprocess.Popen[bytes], folder: Path) -> None:
    """A function is one, whatever serves and calls it."""
    wait_until(is_served, "the server serves", PATIENCE_SECONDS)

    answers = [
        subprocess.run(command("function_caller", language, folder), capture_output=True, check=True, text=True).stdout
        for language in LANGUAGES
    ]

    assert answers == ["1000 of 1000 verdicts are right\n"] * len(LANGUAGES)
    assert server.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize("receiver", ["cpp", "py"])
@pytest.mark.parametrize("sender", ["c", "py"])
@pytest.mark.usefixtures("namespace")
def test_bytes_go_from_each_language_to_each_other_one(sender: str, receiver: str, folder: Path) -> None:
    """A channel is one, whatever has its ends."""
    receiving = subprocess.Popen(command("channel_receiver", receiver, folder), stdout=subprocess.PIPE, text=True)

    subprocess.run(command("channel_sender", sender, folder), check=True, timeout=PATIENCE_SECONDS, capture_output=True)

    assert receiving.communicate(timeout=PATIENCE_SECONDS)[0] == "1000 lines, the last one 'line 999\\n'\n"
    assert receiving.returncode == 0

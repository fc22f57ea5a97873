"""Real peer processes: a fresh interpreter runs one function of a test module, in step with the test.

The test and its peer talk over a socket pair, never through the shared memory under test::

    def write_forever(link: Link, name: str) -> None:
        with HostVariable(name) as variable:
            link.send("open")
            while True:
                variable.data = "whole"

    def test_value_survives_its_writer(namespace: Path) -> None:
        with Peer(write_forever, "pose") as writer:
            assert writer.receive() == "open"
            writer.kill()

Steps are kept by messages: one side sends, the other receives. There is no need to sleep anywhere.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tests.sanitizer  # noqa: F401 - a fork waits for threads that have ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

REPOSITORY = Path(__file__).resolve().parent.parent

PATIENCE_SECONDS = 30.0
"""How long a test waits for a message, an end or a condition: far beyond any of them, and below the watchdog."""

LONGEST_LIFE_SECONDS = int(os.environ.get("MEMLANE_PEER_SECONDS", "300"))
"""A peer that its test forgot, because the test itself was killed, ends after this time; a long form needs more."""


class PeerFailed(AssertionError):
    """A peer ended, or raised, where the test expected it to answer."""


@dataclass(frozen=True)
class _Raised:
    """What a peer sends in place of an answer when its function raised."""

    text: str


class Link:
    """The peer's end of the conversation, the first argument of its function."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection

    def send(self, message: object) -> None:
        """Tell the test something; anything picklable."""
        self._connection.send(message)

    def receive(self) -> Any:
        """Wait for what the test sends next; `EOFError` when the test has gone."""
        return self._connection.recv()


class Peer:
    """A fresh interpreter that runs ``function(link, *arguments)``; killed when the ``with`` block ends.

    Args:
        function: Of a module's top level: the peer imports it by name.
        arguments: Anything picklable.
        interpreter: The Python to run; memlane must be installed there.
        environment: Variables set in the peer beyond those of this process.
    """

    def __init__(
        self,
        function: Callable[..., object],
        *arguments: object,
        interpreter: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [interpreter, "-m", __name__, str(theirs.fileno()), function.__module__, function.__qualname__],
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                pass_fds=[theirs.fileno()],
            )
        self._connection.send(arguments)

    def __repr__(self) -> str:
        return f"<Peer {self._name} pid={self.pid} status={self._process.returncode}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._connection.close()

    @property
    def pid(self) -> int:
        """Process identifier; of a process already reaped after `kill` or `join`."""
        return self._process.pid

    def send(self, message: object) -> None:
        """Tell the peer something; anything picklable."""
        self._connection.send(message)

    def receive(self, timeout: float = PATIENCE_SECONDS) -> Any:
        """Wait for what the peer sends next.

        Raises:
            PeerFailed: The peer raised (its traceback is the text), ended, or stayed silent for *timeout* seconds.
        """
        if not self._connection.poll(timeout):
            raise PeerFailed(f"{self!r} sent nothing for {timeout} s")
        try:
            message = self._connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise PeerFailed(f"{self!r} ended with status {self._process.wait()} instead of answering") from error
        if isinstance(message, _Raised):
            raise PeerFailed(f"{self!r} raised:\n{message.text}")
        return message

    def has_message(self) -> bool:
        """Say whether `receive` would return, or raise, at once."""
        return self._connection.poll()

    def kill(self) -> None:
        """End the peer by SIGKILL, whatever it is doing, and reap it; nothing when it has ended already."""
        self._process.kill()
        self._process.wait()

    def kill_unreaped(self) -> None:
        """End the peer by SIGKILL and leave it a zombie until `join` or the end of the ``with`` block."""
        self._process.kill()
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def stop(self) -> None:
        """Stop the peer as a debugger does (SIGSTOP), and return when all of it stands still."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def wait_until_asleep(self) -> None:
        """Return when the peer sleeps in the kernel: in a blocking call, if it announced one by its last message."""
        wait_until(lambda: process_state(self.pid) == "S", f"{self!r} sleeps")

    def resume(self) -> None:
        """Let a stopped peer go on (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Send the peer any other signal."""
        self._process.send_signal(number)

    def join(self, timeout: float = PATIENCE_SECONDS) -> int:
        """Wait until the peer ended by itself and return its exit status, negative for a signal's number."""
        return self._process.wait(timeout)


def process_state(pid: int, thread: int | None = None) -> str:
    """Return the kernel's letter for what a process, or one of its threads, is doing: R, S, D, T, Z."""
    with open(f"/proc/{pid}/task/{pid if thread is None else thread}/stat") as status:
        return status.read().rpartition(")")[2].split()[0]


def wait_until(condition: Callable[[], object], what: str, timeout: float = PATIENCE_SECONDS) -> None:
    """Return as soon as *condition* holds; fail, saying *what* was waited for, after *timeout* seconds.

    For what only other processes or the kernel can make true and nothing announces. Where a message or a blocking
    call can announce it, wait for that.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.001)


def _serve(descriptor: int, module: str, function: str) -> int:
    """Run the peer's side, and answer its exit status."""
    signal.alarm(LONGEST_LIFE_SECONDS)
    with Connection(descriptor) as connection:
        try:
            arguments = connection.recv()
            getattr(importlib.import_module(module), function)(Link(connection), *arguments)
        except BaseException:  # noqa: BLE001 - whatever it was, the test reports it
            connection.send(_Raised(traceback.format_exc()))
            return 1
    return 0


if __name__ == "__main__":
    # Under its real name, so that what is pickled here is the same class over there.
    from tests.peer import _serve as serve

    sys.exit(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))

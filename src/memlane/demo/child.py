"""One of the three processes, from the outside."""

from __future__ import annotations

import fcntl
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final

from memlane.demo.report import Ready, parse
from memlane.demo.station import enter
from memlane.demo.variables import ROLES

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from memlane.demo.report import Report

PIPE_BYTES = 1 << 18
"""Seconds' worth of reports: a terminal that stands still must not hold up the processes at once."""

TEMPLATE = multiprocessing.get_context("forkserver")
"""Importing what the model needs takes a second, twice the time between two kills. So the imports are done once,
in a process that never opens a variable, and each life is a copy of it."""

SUPERVISORS_SIGNALS = (signal.SIGINT, signal.SIGHUP)
"""A terminal sends them to all processes that were started from it; only the supervisor answers."""


def start_template() -> None:
    """Let the template begin with its imports, and return at once."""
    TEMPLATE.set_forkserver_preload([f"memlane.demo.{role}" for role in ROLES])
    multiprocessing.resource_tracker.ensure_running()  # else the template does it, which would unblock SIGINT
    former = signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISORS_SIGNALS)
    try:
        multiprocessing.forkserver.ensure_running()  # what is blocked here is blocked there, and in all copies
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@final
class Program:
    """A program that was compiled, with as much of the interface of a process of multiprocessing as is used here.

    It gets its directory and its life as arguments, and reports by its standard output.
    """

    def __init__(self, path: str, life: int, directory: str, sender: Connection[Any, Any]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the demo's own program
            [path, directory, str(life)], stdin=subprocess.DEVNULL, stdout=sender.fileno(), start_new_session=True
        )

    @property
    def exitcode(self) -> int | None:
        """The exit status, None while the program runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, at most *timeout* seconds."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)

    def close(self) -> None:
        """Do nothing: it holds no descriptor."""


def start(
    role: str, life: int, directory: str, sender: Connection[Any, Any], program: str | None
) -> ForkServerProcess | Program:
    """Start a life of a role."""
    if program is not None:
        return Program(program, life, directory, sender)
    process = TEMPLATE.Process(target=enter, args=(role, life, directory, sender), daemon=True)
    process.start()
    return process


@final
class Child:
    """A process in one of the roles.

    Args:
        role: The name of its module.
        life: How often this role was started, this time included.
        directory: The namespace directory.
        program: What plays the role; None: its module.
    """

    def __init__(self, role: str, life: int, directory: str, program: str | None = None) -> None:
        self.role = role
        self.life = life
        self.started = time.monotonic_ns()
        self.is_ready = False
        self._unread = b""
        self._receiver, sender = TEMPLATE.Pipe(duplex=False)
        os.set_blocking(self.fileno(), False)
        with sender:
            fcntl.fcntl(sender, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            self._process = start(role, life, directory, sender, program)

    def fileno(self) -> int:
        """Return the descriptor that reports arrive at."""
        return self._receiver.fileno()

    def take_reports(self) -> list[Report]:
        """Return the reports that have arrived; all that ever will, when the process has ended."""
        try:
            while arrived := os.read(self.fileno(), PIPE_BYTES):
                self._unread += arrived
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        reports = [parse(line) for line in lines]
        self.is_ready = self.is_ready or any(isinstance(report, Ready) for report in reports)
        return reports

    def exit_status(self) -> int | None:
        """Return the exit status, None while the process lives."""
        return self._process.exitcode

    def kill(self) -> None:
        """End the process by SIGKILL, whatever it is doing, and wait until it is gone."""
        self._process.kill()
        self._process.join()

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def join(self, timeout: float) -> bool:
        """Wait for the end; tell whether it came in time."""
        self._process.join(timeout)
        return self._process.exitcode is not None

    def close(self) -> None:
        """Give back the descriptors of a process that has ended."""
        self._receiver.close()
        self._process.close()

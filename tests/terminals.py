"""Programs in terminals of their own, where Ctrl-C is the terminal's signal and no call of the test."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import subprocess
import termios
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CTRL_C = b"\x03"


def lead_a_terminal() -> None:
    """Become the leader of a session whose terminal is standard input, as a shell's job is."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def on_a_terminal(command: list[str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run a program whose input is a new terminal; give the terminal's other end, and kill it if it still runs."""
    terminal, theirs = pty.openpty()
    options: dict[str, Any] = {"text": True, "preexec_fn": lead_a_terminal}
    try:
        with subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        ) as process:
            os.close(theirs)
            try:
                yield terminal, process
            finally:
                process.kill()
    finally:
        os.close(terminal)

"""The package as somebody uses it who has Python and nothing else: ``python stranger.py``, without a compiler on PATH.

A program and not a test: it runs where there is no pytest. Whatever does not hold ends it with a traceback.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

COMPILERS = ("cc", "gcc", "c++", "g++", "clang", "ld", "cmake", "ninja", "pkg-config")
WRITE_AND_DIE = """
import os, signal
from memlane import HostVariable

HostVariable("pose").data = {"x": 1.5, "frame": "map", "raw": b"123"}
os.kill(os.getpid(), signal.SIGKILL)
"""


def say(what: str, holds: object) -> None:
    """Print a claim, and end when it does not hold."""
    print(f"{'ok' if holds else 'WRONG':<6} {what}")
    if not holds:
        sys.exit(1)


def command(*arguments: str) -> str:
    """Run the installed command ``memlane`` and return what it prints."""
    program = Path(sys.executable).parent / "memlane"
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def measured() -> str:
    """Return what a short measurement says; a busy machine is no reason to fail."""
    program = Path(sys.executable).parent / "memlane"
    ended = subprocess.run(
        [program, "bench", "--json", "--seconds", "0.5"], check=False, capture_output=True, text=True
    )
    say("a measurement ends with a verdict", ended.returncode in (0, 1))
    return ended.stdout


def main() -> None:
    """Use a variable between processes, and the command."""
    say("no compiler is on PATH", not any(map(shutil.which, COMPILERS)))
    import memlane  # noqa: PLC0415 - what is looked at

    say("memlane comes from this environment", Path(memlane.__file__).is_relative_to(sys.prefix))
    killed = subprocess.run([sys.executable, "-c", WRITE_AND_DIE], check=False).returncode
    say("the writer was killed", killed == -signal.SIGKILL)
    with memlane.HostVariable("pose", create=False) as pose:
        say("its value is there", pose.data == {"x": 1.5, "frame": "map", "raw": b"123"})
        with pose.loan(size=4) as room:
            room[:] = b"four"
        say("a loan is published", pose.wait(timeout=0) == b"four")
        say("a view shows it", bytes(pose.view()) == b"four")
    memlane.unlink("pose")
    version = command("--version").split()[1]
    say(f"the command says its version, {version}", version[0].isdigit())
    figures = json.loads(measured())["figures"]
    say(f"the command measures {len(figures)} things", all(figure["seconds"] > 0 for figure in figures))
    say("the command finds the library", Path(command("config", "--library-dir").strip()).is_dir())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/dev/shm") as namespace:
        os.environ["MEMLANE_DIR"] = namespace
        main()

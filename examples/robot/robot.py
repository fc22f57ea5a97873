"""The whole robot by one command: emulated devices, their server, and the three programs.

python examples/robot/robot.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TYPES = ("polar-bear", "line-follower", "limit-switch")


def command(*arguments: str) -> list[str]:
    """Return how to run something with this interpreter."""
    return [sys.executable, *arguments]


def main() -> int:
    """Run until the autonomous program has driven."""
    with tempfile.TemporaryDirectory() as links:
        chosen = [argument for name in TYPES for argument in ("--device", name)]
        ports = [argument for number, name in enumerate(TYPES) for argument in ("--port", f"{links}/{name}-{number}")]
        services = [
            subprocess.Popen(command("-m", "memlane", "devices", "emulate", "--links", links, *chosen)),
            subprocess.Popen(command("-m", "memlane", "devices", "serve", *ports)),
            subprocess.Popen(command(str(HERE / "gamepad.py"), "1000")),
            subprocess.Popen(command(str(HERE / "broadcaster.py"), "60"), stdout=subprocess.DEVNULL),
        ]
        try:
            return subprocess.run(command(str(HERE / "autonomous.py")), check=False).returncode
        finally:
            for service in services:
                service.terminate()
            for service in services:
                service.wait()


if __name__ == "__main__":
    sys.exit(main())

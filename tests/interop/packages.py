"""Fill a folder with what each interpreter needs for the matrix: ``python -m tests.interop.packages FOLDER``.

Each gets a folder of its own, by its name: numpy, the oldest that the real use has for Python 2.7, and memlane itself
where that can be built. The others take ``memlane_compat.py``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.interop.parties import INTERPRETERS, OWN, REPOSITORY, interpreter

NUMPY = {"2.7": "numpy==1.16.6"}
WITH_MEMLANE = ("3.10", "3.11", "3.12", "3.13")


def install(name: str, folder: Path) -> None:
    """Install for one interpreter, which is there; its own environment stays as it is."""
    found = interpreter(name)
    if found is None:
        return  # the matrix says that it is missing
    packages = [NUMPY.get(name, "numpy"), *([str(REPOSITORY)] if name in WITH_MEMLANE else [])]
    command = [found.command[0], "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(folder)]
    subprocess.run([*command, "--prefer-binary", *packages], check=True)


def main() -> None:
    """Install for all but the interpreter that runs this: its environment has everything."""
    for name in INTERPRETERS:
        if name != OWN:
            install(name, Path(sys.argv[1]) / name)


if __name__ == "__main__":
    main()

"""Runs Cython, or copies what it made of the same sources before: what ccache is for C, where builds repeat.

``python -m cython ... SOURCE --output-file OUTPUT`` runs as given behind this program's name. Results are kept in the
folder ``$MEMLANE_TRANSLATIONS``, each under a digest of the arguments, Cython's version, and the source with every
declaration that it could read. Builds that run at once translate each module once: the others wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def digest_of(arguments: list[str], source: Path, include: Path) -> str:
    """Name a translation by all that goes into it but the places of its files."""
    places = {str(source), str(include), arguments[-1]}
    words = [argument for argument in arguments[1:] if argument not in places]  # the first is the interpreter
    digest = hashlib.sha256(repr((version("cython"), words)).encode())
    for path in (source, *sorted(include.rglob("*.pxd")), *sorted(include.rglob("*.pxi"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    """Translate into the kept file where it is missing, and copy it."""
    include = Path(arguments[arguments.index("--include-dir") + 1])
    place = arguments.index("--output-file")
    source, output = Path(arguments[place - 1]), Path(arguments[place + 1])
    kept = Path(os.environ["MEMLANE_TRANSLATIONS"]) / digest_of(arguments, source, include)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            status = subprocess.run(arguments, check=False).returncode
            if status != 0:
                return status
            copy(output, kept)
            return 0
    copy(kept, output)
    # Ninja reads what Cython writes beside the output; a build that finds a translation made before starts afresh.
    Path(f"{output}.dep").write_text(f"{output}: {source}\n")
    return 0


def copy(source: Path, target: Path) -> None:
    """Copy so that nobody sees half of it."""
    half = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(source, half)
    half.replace(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

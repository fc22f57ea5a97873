"""Check that the public headers, core/memlane.map and the built library name the same functions.

    python tools/check_exports.py build/libmemlane.so

A function that only a header names cannot be linked to; one that only the library shows is an ABI that nobody decided.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "core"


def without_comments(text: str) -> str:
    """Remove the comments of C."""
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def declared() -> set[str]:
    """Return the functions that the public headers declare for export."""
    headers = (without_comments(path.read_text(encoding="utf-8")) for path in CORE.glob("include/memlane/*.h"))
    return {name for text in headers for name in re.findall(r"^MEMLANE_API [^(]*?(\w+)\(", text, re.MULTILINE)}


def mapped() -> set[str]:
    """Return the names that the symbol map makes visible."""
    text = without_comments((CORE / "memlane.map").read_text(encoding="utf-8"))
    return {
        name for section in re.findall(r"global:(.*?)local:|global:(.*?)\}", text, re.DOTALL) for name in names(section)
    }


def names(section: tuple[str, ...]) -> list[str]:
    """Split one section of the map."""
    return re.findall(r"([\w*]+);", "".join(section))


def exported(library: str) -> set[str]:
    """Return the functions and data that the library shows."""
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", library]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name.partition("@")[0] for name, kind, *_ in map(str.split, lines) if kind != "A"}


def main(library: str) -> int:
    """Print each name that is not in all three places."""
    places = {"the public headers": declared(), "memlane.map": mapped(), library: exported(library)}
    everywhere = set.union(*places.values())
    missing = [
        f"{name} is not in {place}" for name in sorted(everywhere) for place, has in places.items() if name not in has
    ]
    print("\n".join(missing) if missing else f"exports: {len(everywhere)} functions, the same in all places")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

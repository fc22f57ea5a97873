"""Check the layers where import-linter cannot look: `#include` in C, `cimport` and `import` in Cython.

    python tools/check_layers.py [repository]

Prints each breach as ``file:line: what`` and exits 1 when there is one. Files that no layer names are breaches too: a
new file gets its place here, on purpose.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# C: a file includes its own rank and lower ones.
C_RANKS = (
    (
        "version",
        "status",
        "object",
        "mutant",
        "atomic",
        "platform",
        "platform_linux",
        "platform_linux_descriptor",
        "failure",
    ),
    ("checksum", "layout", "utf8", "names", "format", "schema"),
    ("directory", "trap", "header", "removal", "segment", "mapping", "storage", "participant", "fork"),
    (
        "wait",
        "bells",
        "watching",
        "patience",
        "lock",
        "rwlock",
        "gate",
        "register",
        "register_geometry",
        "taking",
        "transaction",
        "custody",
        "ring",
        "ends",
        "turn",
        "lane",
        "call",
        "statistics",
        "sentry",
        "watch",
        "endpoint",
        "gathering",
        "signature",
    ),
    (
        "variable",
        "variable_kind",
        "loan",
        "access",
        "channel_handle",
        "channel",
        "transfer",
        "span",
        "function_handle",
        "function",
        "caller",
        "answer",
        "dispatcher",
        "map",
        "buffer",
        "sync",
        "namespace",
        "kinds",
    ),
    ("share", "inspection", "inspect", "inspect_state", "inspect_bytes"),
    ("memlane",),
)
# Headers of the language. All others belong to a system, and only the seam to the system sees those.
LANGUAGE_HEADERS = frozenset(
    f"{name}.h"
    for name in ("errno", "inttypes", "limits", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string")
)
SYSTEM_SEAM = ("platform.h", "platform_linux.c", "platform_linux_descriptor.c")
# What is compiled must not depend on the machine outside the seam, save for the switches these three define.
MAY_HAVE_CONDITIONS = (*SYSTEM_SEAM, "mutant.h", "version.h")

# Cython and Python, from low to high; a module imports its own layer and lower ones.
PYTHON_LAYERS = (
    ("errors", "interruption", "settings", "sizes"),
    ("names",),
    ("codec", "messaging"),
    ("_native",),
    ("asyncio_loop", "trio_loop"),
    ("event_loop",),
    ("arrays", "endpoint", "gathering", "readings", "waiting"),
    ("acquisition", "listener", "turns"),
    ("access",),
    ("channel", "function", "map", "namespace", "sync", "variable"),
    ("buffer", "share"),
    ("inspect",),
    ("devices",),
    ("metrics", "recording"),
    ("cli", "demo"),
    ("monitor",),
)

# Shared memory holds fixed-width integers and offsets: two builds agree on nothing else.
MEMBER_TYPE = r"(?:memlane_atomic(?:32|64)|struct memlane_\w+|u?int(?:8|16|32|64)_t|unsigned char|char)"
MEMBER_NAME = r"\w+(?:\[[^\]]+\])?"
SHARED_MEMBER = re.compile(rf"\s*{MEMBER_TYPE} {MEMBER_NAME}(?:, {MEMBER_NAME})*;")

INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')
CONDITION = re.compile(r"\s*#\s*(?:if|ifdef|ifndef|elif)\b\s*(.*)")
CYTHON_IMPORT = re.compile(r"\s*(?:from\s+(memlane[\w.]*)\s+c?import\s+\(?\s*(\w*)|c?import\s+(memlane[\w.]*))")
CYTHON_EXTERN = re.compile(r'\s*cdef\s+extern\s+from\s+[<"]+(memlane/[\w.]+)')


def numbered(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a file with their numbers."""
    return list(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))


def c_rank(stem: str) -> int | None:
    """Return the rank of a C file, None where it has none."""
    return next((rank for rank, stems in enumerate(C_RANKS) if stem in stems), None)


def include_breaches(path: Path) -> Iterator[tuple[int, str]]:
    """Find includes of higher ranks and of headers that only the seams may see."""
    rank = c_rank(path.stem)
    if rank is None:
        yield 1, "has no rank: give it one in tools/check_layers.py"
        return
    for number, line in numbered(path):
        if match := INCLUDE.match(line):
            breach = include_breach(path, rank, match[2], ours=match[1] == '"' or match[2].startswith("memlane/"))
            if breach:
                yield number, breach


def include_breach(path: Path, rank: int, header: str, *, ours: bool) -> str | None:
    """Say what is wrong with one include, None when nothing is."""
    if ours:
        included = c_rank(Path(header).stem)
        if included is None:
            return f"includes {header}, which has no rank"
        return f"of rank {rank} includes {header} of rank {included}" if included > rank else None
    if header == "stdatomic.h":
        return None if path.name == "atomic.h" else "includes <stdatomic.h>: every order has its name in atomic.h"
    if header not in LANGUAGE_HEADERS and path.name not in SYSTEM_SEAM:
        return f"includes <{header}>: the system is behind platform.h"
    return None


def condition_breaches(path: Path) -> Iterator[tuple[int, str]]:
    """Find conditional compilation outside the seam; guards of headers and of C++ are none."""
    if path.name in MAY_HAVE_CONDITIONS:
        return
    guard = f"MEMLANE_{path.stem.upper()}_H"
    for number, line in numbered(path):
        if (match := CONDITION.match(line)) and match[1].strip() not in {guard, "__cplusplus"}:
            yield number, f"compiles conditionally ({match[1].strip()}): only the seam knows the machine"


def layout_breaches(path: Path) -> Iterator[tuple[int, str]]:
    """Find members of shared structures that two builds could lay out differently."""
    inside = False
    for number, line in numbered(path):
        code = re.sub(r"/\*.*?(?:\*/|$)", "", line)
        if re.match(r"struct \w+ \{", code):
            inside = True
        elif inside and code.startswith("}"):
            inside = False
        elif inside and re.search(r"\w.*;", code) and not SHARED_MEMBER.fullmatch(code.rstrip()):
            yield number, f"shares {code.strip()!r}: shared memory holds fixed-width integers and offsets"


def python_layer(module: str) -> int | None:
    """Return the layer of a dotted module name below memlane, None where it has none."""
    room = module.split(".")[1] if "." in module else ""
    return next((layer for layer, rooms in enumerate(PYTHON_LAYERS) if room in rooms), None)


def cython_breaches(path: Path, source: Path) -> Iterator[tuple[int, str]]:
    """Find imports of higher layers, and C declarations of memlane outside the binding."""
    room = path.relative_to(source).parts[1]
    layer = python_layer(f"memlane.{room.partition('.')[0]}")
    if layer is None:
        yield 1, "has no layer: give it one in tools/check_layers.py"
        return
    for number, line in numbered(path):
        if match := CYTHON_IMPORT.match(line):
            imported = f"memlane.{match[2]}" if match[1] == "memlane" else match[1] or match[3]
            above = python_layer(imported)
            if above is None or above > layer:
                yield number, f"imports {imported}, which is not below memlane.{room}"
        if (match := CYTHON_EXTERN.match(line)) and room != "_native":
            yield number, f"declares {match[1]}: only memlane._native knows the C library"


def breaches(root: Path) -> Iterator[str]:
    """Find all breaches below *root*, each as a line for the terminal."""
    for path in sorted([*root.glob("core/src/*.[ch]"), *root.glob("core/include/memlane/*.h")]):
        found = [*include_breaches(path), *condition_breaches(path)]
        if path.name == "layout.h":
            found += layout_breaches(path)
        yield from (f"{path.relative_to(root)}:{number}: {what}" for number, what in found)
    for path in sorted(root.glob("src/memlane/**/*.p[yx][xd]")):
        yield from (
            f"{path.relative_to(root)}:{number}: {what}" for number, what in cython_breaches(path, root / "src")
        )


def main(arguments: list[str]) -> int:
    """Check the repository given, or the one that this file is in."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = list(breaches(root))
    print("\n".join(found) if found else "layers: no breach in C and Cython")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

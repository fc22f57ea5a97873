"""Check what a wheel and an sdist hold: all that users need, nothing that is ours alone.

    python tools/check_wheel.py dist/memlane-0.1.0.tar.gz dist/memlane-0.1.0-cp311-*.whl

A file that is missing from a wheel is found by the user, a month later; one too many is never found.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# What a wheel may hold, by pattern; anything else is a breach.
ALLOWED = tuple(
    re.compile(pattern)
    for pattern in (
        r"memlane/(\w+/)*\w+\.pyi?",
        r"memlane/py\.typed",
        r"memlane/(_native|codec|messaging)/\w+\.cpython-[\w-]+\.so",
        r"memlane/buffer/smart-devices\.json",
        r"memlane/grafana-dashboard\.json",
        r"memlane/lib/libmemlane\.so",
        r"memlane/lib/pkgconfig/memlane\.pc",
        r"memlane/lib/cmake/memlane/memlaneConfig(Version|-\w+)?\.cmake",
        r"memlane/include/memlane/\w+\.(h|hpp)",
        r"memlane/demo/\w+\.cpp",
        r"memlane/monitor/static/(uplot/)?[\w.]+",
        r"memlane-[\w.]+\.dist-info/.*",
    )
)
SDIST_NEEDS = ("CMakeLists.txt", "LICENSE", "README.md", "core/CMakeLists.txt", "core/memlane.map", "pyproject.toml")


def wheel_needs() -> set[str]:
    """Name what has to be in each wheel, from the tree: headers, Python files, C++ programs, a module for each .pyx."""
    source = REPOSITORY / "src"
    headers = {f"memlane/include/memlane/{path.name}" for path in (REPOSITORY / "core/include/memlane").glob("*.h*")}
    python = {str(path.relative_to(source)) for kind in ("py", "pyi", "typed") for path in source.rglob(f"*.{kind}")}
    modules = {str(path.relative_to(source).with_suffix("")) for path in source.rglob("*.pyx")}
    library = {"memlane/lib/libmemlane.so", "memlane/lib/pkgconfig/memlane.pc"}
    programs = {str(path.relative_to(source)) for path in source.rglob("*.cpp")}
    site = {str(path.relative_to(source)) for path in source.glob("memlane/monitor/static/**/*") if path.is_file()}
    return headers | python | modules | library | programs | site | {"memlane/lib/cmake/memlane/memlaneConfig.cmake"}


def wheel_breaches(path: Path) -> list[str]:
    """Say what is missing from a wheel and what it holds beyond its needs."""
    with zipfile.ZipFile(path) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    plain = held | {re.sub(r"\.cpython-[\w-]+\.so$", "", name) for name in held}
    missing = [f"{path.name} lacks {name}" for name in sorted(wheel_needs() - plain)]
    extra = [name for name in sorted(held) if not any(pattern.fullmatch(name) for pattern in ALLOWED)]
    return missing + [f"{path.name} holds {name}" for name in extra]


def sdist_breaches(path: Path) -> list[str]:
    """Say what is missing from an sdist and what is in it by accident."""
    with tarfile.open(path) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    sources = {str(file.relative_to(REPOSITORY)) for file in (REPOSITORY / "core" / "src").glob("*.[ch]")}
    missing = [f"{path.name} lacks {name}" for name in sorted({*SDIST_NEEDS, *sources} - held)]
    built = [name for name in sorted(held) if re.search(r"(\.so|\.o|\.pyc)$|^(build|dist|\.ci|\.nox)/", name)]
    return missing + [f"{path.name} holds {name}" for name in built]


def main(arguments: list[str]) -> int:
    """Check each file by its kind."""
    found = []
    for argument in map(Path, arguments):
        found += wheel_breaches(argument) if argument.suffix == ".whl" else sdist_breaches(argument)
    print("\n".join(found) if found else f"packages: {len(arguments)} files hold what they should, nothing else")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""memlane between interpreters; the whole matrix is `nox -s interop`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.interop.parties import LIBRARY, PROGRAM, REPOSITORY, Party, c_program, exchange, interpreter

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 100
PAIRS = [("2.7", "3.13"), ("3.13", "2.7"), ("own", "2.7"), ("2.7", "own"), ("C", "2.7"), ("2.7", "C"), ("C", "own")]
COMPAT = REPOSITORY / "compat" / "memlane_compat.py"


def party(name: str, folder: Path) -> Party:
    """Find a party, or skip the test and say why."""
    if name == "C":
        return c_program(folder)
    found = Party("own", [sys.executable, str(PROGRAM)]) if name == "own" else interpreter(name)
    if found is None:
        pytest.skip(f"Python {name} is not installed here")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("surface", ["variable", "share"])
@pytest.mark.parametrize(("asker", "answerer"), PAIRS, ids=str)
def test_pair_exchanges_values(asker: str, answerer: str, surface: str, tmp_path: Path) -> None:
    """What the one gives is what the other has, whatever their language."""
    assert exchange(party(asker, tmp_path), party(answerer, tmp_path), surface, COUNT) > 0


def with_numpy(found: Party) -> Party:
    """Return the party, or skip the test where it has no numpy."""
    done = subprocess.run([found.command[0], "-c", "import numpy"], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"Python {found.name} has no numpy here")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("asker", "answerer"), [("2.7", "3.13"), ("3.13", "2.7"), ("own", "own")])
def test_clouds_come_back_bit_by_bit(asker: str, answerer: str, tmp_path: Path) -> None:
    """The real use: a hundred ping-pongs of 150,000 points between old and new."""
    one, other = (with_numpy(party(name, tmp_path)) for name in (asker, answerer))

    assert exchange(one, other, "clouds", COUNT) > 0


def run_compat(code: str, **environment: str) -> str:
    """Run code after an import of memlane_compat, and return the last line that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", f"import memlane_compat as compat\n{code}"],
        env={**os.environ, "PYTHONPATH": str(COMPAT.parent), **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_library_of_another_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    """A wrong layout must not be guessed at."""
    source = tmp_path / "other.c"
    source.write_text('const char *memlane_version(void) { return "9.9.9"; }\n')
    library = tmp_path / "libmemlane.so"
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)

    answer = run_compat("", MEMLANE_LIBRARY=str(library))

    assert "LayoutMismatch" in answer
    assert "is version 9.9.9 of memlane, this memlane_compat.py was made for" in answer


def test_missing_library_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    """The first thing that goes wrong on a new machine."""
    assert "memlane compat --to DIR" in run_compat("", MEMLANE_LIBRARY=str(tmp_path / "none.so"))


def test_file_and_library_are_copied_to_where_nothing_can_be_installed(tmp_path: Path) -> None:
    """They find each other there."""
    target = tmp_path / "robot"
    command = [sys.executable, "-m", "memlane", "compat", "--to", str(target)]
    subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY)

    answer = run_compat("print(compat.VERSION, compat._places()[0])", PYTHONPATH=str(target))

    assert answer.split()[1] == str(target / "libmemlane.so")
    assert sorted(path.name for path in target.iterdir() if path.is_file()) == ["libmemlane.so", "memlane_compat.py"]


def test_version_is_that_of_the_library() -> None:
    """A release raises both."""
    header = (REPOSITORY / "core" / "include" / "memlane" / "version.h").read_text()

    assert f'MEMLANE_VERSION_STRING "{run_compat("print(compat.VERSION)", MEMLANE_LIBRARY=str(LIBRARY))}"' in header


def test_status_numbers_and_headroom_are_those_of_the_headers() -> None:
    """The file repeats what C headers say."""
    status = (REPOSITORY / "core" / "include" / "memlane" / "status.h").read_text()
    share = (REPOSITORY / "core" / "include" / "memlane" / "share.h").read_text()
    code = "print(compat._HEADROOM, *sorted(f'{k}:{v[0].__name__}' for k, v in compat._EXCEPTIONS.items()))"

    headroom, *numbers = run_compat(code, MEMLANE_LIBRARY=str(LIBRARY)).split()

    assert f"MEMLANE_SHARE_HEADROOM = {headroom}" in share
    for number, name in (entry.split(":") for entry in numbers):
        constant = {"MemoryError": "NoMemory", "SystemFailure": "System", "ObjectNotFound": "NotFound"}.get(name, name)
        assert f"= {number}," in status.partition(f"MEMLANE_{snake(constant)} ")[2].partition("\n")[0]


def snake(name: str) -> str:
    """Return a class's name as C writes it."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name).lstrip("_")

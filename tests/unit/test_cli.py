"""The command `memlane`: what it takes, what it says, and its exit status."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import memlane
from memlane.cli import config, main
from tests.peer import Link, Peer


def hold_ephemeral(link: Link, name: str) -> None:
    """Keep an object open that goes with its last user."""
    with memlane.HostVariable(name, persistent=False) as variable:
        variable.data = "left by a dead process"
        link.send("open")
        link.receive()


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)


def test_version_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug report begins with it."""
    status = main(["--version"])

    assert status == 0
    assert capsys.readouterr().out.split() == ["memlane", importlib.metadata.version("memlane")]


def test_help_names_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    """Who knows only the command's name finds the rest."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    said = capsys.readouterr().out
    assert end.value.code == 0
    assert "config" in said
    assert "demo" in said
    assert "gc" in said


@pytest.mark.parametrize(
    "arguments", [[], ["dmeo"], ["demo", "--seconds", "0"], ["demo", "--seconds", "nan"], ["gc", "x"]]
)
def test_wrong_use_ends_with_status_2_and_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error must not run something else, or nothing with success."""
    with pytest.raises(SystemExit) as end:
        main(arguments)

    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: memlane")


def test_a_length_that_is_no_time_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The user sees which argument was wrong and what it may be."""
    with pytest.raises(SystemExit):
        main(["demo", "--seconds", "-1"])

    assert "--seconds: -1 is not a number greater than 0" in capsys.readouterr().err


def test_gc_removes_what_a_killed_process_left_and_counts_it(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody else cleans up after the last user of an object that was killed."""
    with Peer(hold_ephemeral, "orphan") as holder:
        holder.receive()
        holder.kill()
    left = [path.name for path in namespace.iterdir()]

    status = main(["gc"])

    assert left == ["orphan"]
    assert status == 0
    assert capsys.readouterr().out == "removed 1 object that no process had open\n"
    assert list(namespace.iterdir()) == []


def test_gc_leaves_alone_what_is_open(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cleaning up must never take a living process's object."""
    with memlane.HostVariable("busy", persistent=False):
        status = main(["gc", "--directory", str(namespace)])

        assert status == 0
        assert capsys.readouterr().out == "removed 0 objects that no process had open\n"
        assert [path.name for path in namespace.iterdir()] == ["busy"]


def test_config_answers_in_the_order_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """`cc program.c $(memlane config --cflags --libs)` is how it is used."""
    status = main(["config", "--libs", "--include"])

    *libraries, include = capsys.readouterr().out.split()
    assert status == 0
    assert libraries[-1] == "-lmemlane"
    assert (Path(include) / "memlane" / "memlane.h").is_file()


def test_config_says_what_to_do_where_the_library_was_taken_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path to nothing would fail later, in somebody else's compiler."""
    monkeypatch.setattr(config, "BESIDE_THE_LIBRARY", "email.mime.text")

    status = main(["config", "--libs"])

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert "the C library was taken out of this package" in said.err
    assert "install the package anew: '" in said.err
    assert said.err.endswith("libmemlane.so'\n")


def test_an_error_is_one_line_and_status_2(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback hides what to do."""
    namespace.chmod(0o777)

    status = main(["gc"])

    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.startswith("memlane gc: ")
    assert str(namespace) in said.err
    assert said.err.count("\n") == 1


def test_module_runs_as_the_command(namespace: Path) -> None:
    """`python -m memlane` works where the scripts' directory is not on PATH."""
    done = subprocess.run([sys.executable, "-m", "memlane", "gc"], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("removed 0 objects")
    assert list(namespace.iterdir()) == []


def test_command_imports_no_subcommand_and_no_extra() -> None:
    """`memlane gc` in a boot script must not wait for packages that it does not use."""
    done = run_python(
        "import sys, memlane.cli\n"
        "print(sorted(set(sys.modules) & {'numpy', 'rich', 'skimage', 'memlane.demo', 'memlane.cli.garbage'}))"
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        (["rich"], "rich"),
        (["numpy", "skimage"], "numpy and scikit-image"),
        (["numpy", "rich", "skimage"], "numpy, rich and"),
    ],
)
def test_demo_without_its_extra_says_what_to_install(absent: list[str], named: str) -> None:
    """Whoever installed the base package alone is one command away from the demo."""
    done = run_python(
        f"import sys\nsys.modules.update(dict.fromkeys({absent}))\n"
        "from memlane.cli import main\nsys.exit(main(['demo', '--seconds', '1']))"
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert f"memlane demo needs {named}" in done.stderr
    assert 'pip install "memlane[demo]"' in done.stderr

"""`memlane demo` as its user runs it: in a terminal, in a pipe, with chaos, interrupted, over a library that tears."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable
from memlane.demo.program import CannotBuild, find_compiler, library_flags
from tests.peer import REPOSITORY, Peer, wait_until
from tests.terminals import CTRL_C, lead_a_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peer import Link

for module in ("numpy", "rich", "skimage"):
    pytest.importorskip(module, reason="the demo's extra is not installed")


def has_compiler() -> bool:
    """Tell whether ``--cpp`` finds one."""
    try:
        return bool(find_compiler())
    except CannotBuild:
        return False


pytestmark = [pytest.mark.slow, pytest.mark.timeout(140)]

ANY_GAP = ("--longest-gap", "60000")
"""How long a process waits for a busy processor is nothing that a test can promise."""

ESCAPE = "\x1b"

CONTROLLERS = pytest.mark.parametrize(
    "controller",
    [
        pytest.param((), id="python"),
        pytest.param(("--cpp",), id="c++", marks=pytest.mark.skipif(not has_compiler(), reason="needs a C++ compiler")),
    ],
)
"""Who plays the controller."""


@contextmanager
def demo(*arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Run the demo; kill it if it still runs at the end of the block."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "memlane", "demo", *ANY_GAP, *arguments]
    with subprocess.Popen(command, **{**streams, **options}) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def figure(said: str, name: str) -> int:
    """Return a figure of the summary."""
    found = re.search(rf"^  {name} +([\d,]+)", said, re.MULTILINE)
    assert found, said
    return int(found[1].replace(",", ""))


def left_in_shared_memory(namespace: Path) -> list[str]:
    """Return what demos left beside the default namespace directory."""
    return [path.name for path in namespace.parent.glob("memlane-demo-*")]


def processes_of(namespace: Path) -> list[str]:
    """Return the processes that were started with this test's namespace, this one excluded."""
    named = f"MEMLANE_DIR={namespace}\0".encode()
    return [process.name for process in Path("/proc").iterdir() if process.name.isdigit() and has(process, named)]


def has(process: Path, variable: bytes) -> bool:
    """Tell whether a process was started with an environment variable."""
    try:
        return variable in (process / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # ended, or not ours
        return False


def assert_nothing_is_left(namespace: Path) -> None:
    """Check that neither a process nor a file of a demo remains."""
    wait_until(lambda: not processes_of(namespace), "no process of the demo lives")
    assert left_in_shared_memory(namespace) == []


@pytest.fixture(scope="session")
def tearing_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a libmemlane.so that publishes a value before its bytes are there."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("torn") / "libmemlane.so"
    core = REPOSITORY / "core"
    subprocess.run(
        [
            *(compiler, "-std=c11", "-O0", "-shared", "-fPIC", "-pthread", "-Wl,-soname,libmemlane.so"),
            *("-DMEMLANE_MUTANT_SELECTED=MEMLANE_MUTANT_TORN", f"-I{core / 'include'}"),
            *map(str, sorted((core / "src").glob("*.c"))),
            *("-o", str(library)),
        ],
        check=True,
    )
    return library


def preloaded(library: Path) -> str:
    """Return what LD_PRELOAD has to be: a sanitizer's library may be there already."""
    return " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))


def test_pipe_gets_plain_lines_and_a_summary_in_which_everything_held(namespace: Path) -> None:
    """The demo runs in scripts and over ssh without a terminal."""
    with demo("--seconds", "3") as process:
        said, complained = process.communicate()

    assert (process.returncode, complained) == (0, "")
    assert ESCAPE not in said
    assert re.search(r"^ +\d\.\d s  [\d,]+ frames verified, 0 torn, 0 kills, longest gap \d+ ms; ", said, re.MULTILINE)
    for name in ("frame", "pose", "labels", "statistics", "command", r"segment\(\)", "telemetry"):
        assert re.search(rf"^ {name} .*\d", said, re.MULTILINE)
    assert figure(said, "frames verified") > 0
    assert re.search(r"^  wrong answers +0  of [1-9]", said, re.MULTILINE)
    assert re.search(r"^  lines amiss +0  .*, of [1-9]", said, re.MULTILINE)
    assert "All promises were kept.\n" in said
    assert_nothing_is_left(namespace)


@CONTROLLERS
def test_chaos_kills_and_nothing_tears_and_nothing_is_left(controller: tuple[str, ...], namespace: Path) -> None:
    """This is what memlane is for."""
    with demo("--chaos", "--seconds", "6", *controller) as process:
        said, complained = process.communicate()

    assert (process.returncode, complained) == (0, ""), said
    assert figure(said, "kills") > 0
    assert figure(said, "frames verified") > 0
    for name in ("torn", "outdated", "versions fallen", "wrong answers", "lines amiss", "left behind", "failed"):
        assert figure(said, name) == 0
    assert_nothing_is_left(namespace)


@CONTROLLERS
def test_summary_reports_torn_values_of_a_library_that_tears(
    controller: tuple[str, ...], namespace: Path, tearing_library: Path
) -> None:
    """A proof that cannot fail proves nothing."""
    environment = {**os.environ, "LD_PRELOAD": preloaded(tearing_library)}

    with demo("--seconds", "100", *controller, env=environment) as process:
        assert process.stdout is not None
        shown = ""
        while not re.search(r" [1-9]\d* torn", shown):
            line = process.stdout.readline()
            assert line, f"the demo ended first:\n{shown}{process.communicate()[1]}"
            shown += line
        process.send_signal(signal.SIGINT)
        said, _complained = process.communicate()

    assert process.returncode == 1
    assert figure(said, "torn") > 0
    assert figure(said, "failed") == 0
    assert re.search(r"^Broken: .*\btorn\b", said, re.MULTILINE), said
    assert_nothing_is_left(namespace)


def look_while_a_frame_is_written(link: Link) -> None:
    """Send what the figures and the ledger say of a value that is being written for the first time."""
    from memlane.demo.crew import Crew  # noqa: PLC0415 - these import numpy, which not everybody has
    from memlane.demo.figures import Instruments  # noqa: PLC0415
    from memlane.demo.ledger import Ledger  # noqa: PLC0415
    from memlane.demo.variables import VARIABLES  # noqa: PLC0415

    with ExitStack() as stack:
        variables = {
            name: stack.enter_context(HostVariable(name, data_format=variable.format))
            for name, variable in VARIABLES.items()
        }
        ledger = Ledger()
        crew = stack.enter_context(Crew("", ledger, {}))
        with variables["frame"].loan():
            figures = Instruments(variables, ledger, crew).read(0.0)
    link.send((figures.torn, [row.age for row in figures.rows], ledger.torn_reasons))


def test_supervisor_that_looks_at_a_torn_value_counts_it(namespace: Path, tearing_library: Path) -> None:
    """Its first look comes while the first values are being written: that must not end it."""
    with Peer(look_while_a_frame_is_written, environment={"LD_PRELOAD": preloaded(tearing_library)}) as supervisor:
        torn, ages, reasons = supervisor.receive()

    assert torn == 1
    assert set(ages) == {None}
    assert [reason.partition(":")[0] for reason in reasons] == ["frame, read by supervisor"]


def test_gap_beyond_the_limit_is_a_broken_promise(namespace: Path) -> None:
    """Status 0 means that every promise was kept, this one too."""
    with demo("--seconds", "1", "--longest-gap", "0.001") as process:
        said, _complained = process.communicate()

    assert process.returncode == 1
    assert "of at most 0.001 ms" in said
    assert said.endswith("Broken: longest gap.\n")
    assert_nothing_is_left(namespace)


def test_process_that_ends_by_itself_is_a_broken_promise(namespace: Path) -> None:
    """Only the chaos that was asked for may kill."""
    with demo("--seconds", "100") as process:
        assert process.stdout is not None
        process.stdout.readline()
        # The three lead sessions of their own.
        victim = next(pid for pid in map(int, processes_of(namespace)) if os.getsid(pid) == pid)
        os.kill(victim, signal.SIGKILL)
        said, _complained = process.communicate()

    assert process.returncode == 1
    assert figure(said, "failed") == 1
    assert re.search(r"the (camera|model|controller) ended by itself with status -9", said)
    assert said.endswith("Broken: failed.\n")
    assert_nothing_is_left(namespace)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_demo_with_a_summary(number: signal.Signals, namespace: Path) -> None:
    """A service manager and a lost connection end it in order, as Ctrl-C does."""
    with demo("--seconds", "100") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        said, complained = process.communicate()

    assert (process.returncode, complained) == (0, "")
    assert "All promises were kept.\n" in said
    assert_nothing_is_left(namespace)


def test_terminal_shows_a_live_table_and_ctrl_c_ends_it(namespace: Path) -> None:
    """Ctrl-C in a terminal reaches every process that was started from it, and only the supervisor answers."""
    terminal, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}

    with demo(
        "--chaos",
        "--seconds",
        "100",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        preexec_fn=lead_a_terminal,
    ) as process:
        os.close(theirs)
        said = read_until(terminal, "3.0 s")
        os.write(terminal, CTRL_C)
        said += read_until(terminal, "All promises were kept.")
        status = process.wait()
    os.close(terminal)

    assert status == 0
    assert ESCAPE in said
    assert "controller 1: up" in said
    assert "Traceback" not in said
    assert_nothing_is_left(namespace)


def read_until(terminal: int, text: str) -> str:
    """Read from a terminal until a text has come."""
    said = b""
    while text.encode() not in said:
        said += os.read(terminal, 4096)
    return said.decode()


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_matter(closed: str, namespace: Path) -> None:
    """A cron job or a service may have none."""
    command = f"exec {sys.executable} -m memlane demo --seconds 1 {' '.join(ANY_GAP)} {closed}"

    done = subprocess.run(["/bin/sh", "-c", command], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert_nothing_is_left(namespace)


def test_demo_ends_in_order_when_nobody_reads_what_it_says(namespace: Path) -> None:
    """`memlane demo | head -1` leaves no process and no file."""
    with demo("--seconds", "100") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        status = process.wait()
        complained = process.stderr.read() if process.stderr else ""

    assert (status, complained) == (2, "")
    assert_nothing_is_left(namespace)


@CONTROLLERS
def test_processes_and_variables_go_with_a_killed_supervisor(controller: tuple[str, ...], namespace: Path) -> None:
    """Nobody looks for three busy processes, nor for what fills the memory, when no terminal shows them."""
    with demo("--seconds", "100", *controller) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (directory,) = namespace.parent.glob("memlane-demo-*")
        # The supervisor itself may still have it open when its pipe breaks.
        with HostVariable("frame", create=False, directory=directory):
            process.kill()
            process.wait()

            wait_until(lambda: not processes_of(namespace), "no process of the demo lives")

            assert list(directory.iterdir()) == []
    directory.rmdir()


def test_directory_that_cannot_be_made_is_named(namespace: Path) -> None:
    """The user learns where the demo wanted to put its variables."""
    nowhere = namespace / "absent" / "default"

    with demo(env={**os.environ, "MEMLANE_DIR": str(nowhere)}) as process:
        said, complained = process.communicate()

    assert (process.returncode, said) == (2, "")
    assert complained.startswith("memlane demo: ")
    assert str(nowhere.parent) in complained
    assert complained.count("\n") == 1


@pytest.mark.parametrize(
    ("compiler", "why"),
    [
        ({}, "none of c++, g++, clang++ is on PATH"),
        ({"CXX": "absent-compiler -O1"}, "CXX names absent-compiler, which is not there"),
    ],
    ids=["on PATH", "named"],
)
def test_missing_compiler_is_named_before_anything_starts(compiler: dict[str, str], why: str, tmp_path: Path) -> None:
    """The user learns what to install, not that something was not found."""
    with demo("--cpp", env={"PATH": str(tmp_path), **compiler}) as process:
        said, complained = process.communicate()

    assert (process.returncode, said) == (2, "")
    assert complained.startswith("memlane demo --cpp needs a C++17 compiler: ")
    assert why in complained
    assert complained.endswith("or leave --cpp out\n")


def test_what_a_compiler_complains_of_is_shown(tmp_path: Path) -> None:
    """One that is too old, or lacks its headers, says so itself."""
    compiler = tmp_path / "old compiler"
    compiler.write_text("#!/bin/sh\necho 'no header <optional>' >&2\nexit 3\n")
    compiler.chmod(0o755)

    with demo("--cpp", env={**os.environ, "CXX": shlex.quote(str(compiler))}) as process:
        said, complained = process.communicate()

    assert (process.returncode, said) == (2, "")
    assert " ended with 3:\nno header <optional>\n" in complained


def test_flags_come_from_the_package_where_there_is_no_pkg_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many machines with a compiler have none."""
    monkeypatch.setattr("memlane.demo.program.PKG_CONFIGS", ())

    include, *_, library = library_flags()

    assert (Path(include.removeprefix("-I")) / "memlane" / "memlane.hpp").exists()
    assert library == "-lmemlane"


def test_plot_draws_a_picture_of_the_run(namespace: Path, tmp_path: Path) -> None:
    """Figures of a run are shown to others as a picture."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "out.png"

    with demo("--seconds", "3", "--plot", str(picture)) as process:
        said, complained = process.communicate()

    assert (process.returncode, complained) == (0, ""), said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert_nothing_is_left(namespace)


@pytest.mark.parametrize(
    ("path", "why"), [("out.txt", "let it end in .png, .svg, .pdf"), ("absent/out.png", "absent is no directory")]
)
def test_a_picture_that_cannot_be_drawn_is_refused_before_the_run(path: str, why: str) -> None:
    """Nobody runs an hour of chaos to learn that its picture has no place."""
    with demo("--seconds", "100", "--plot", path) as process:
        said, complained = process.communicate()

    assert (process.returncode, said) == (2, "")
    assert why in complained

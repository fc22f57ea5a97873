"""`memlane bench`: a short measurement by the real command, and what it says of machines that are not set up well."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memlane.cli.bench.beside import beside
from memlane.cli.bench.command import check_figures, place_of
from memlane.cli.bench.disturbance import Use, check_disturbance, use
from memlane.cli.bench.scenarios import Figure
from memlane.cli.doctor.container import check_container, standing_still
from memlane.cli.doctor.finding import NOTE, OK, Finding
from memlane.cli.doctor.processors import check_governor, check_processors
from memlane.errors import AccessDenied
from tests.children import answer_of_child
from tests.peer import Link, Peer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NOBODY = 65534
WITH_NUMPY = "array of 1 MiB there and back"
WITHOUT_NUMPY = """
import importlib.util, sys
sys.modules["numpy"] = None
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numpy" else found(name, *rest)
import memlane.cli
sys.exit(memlane.cli.main(sys.argv[1:]))
"""


def bench(*arguments: str, python: tuple[str, ...] = ("-W", "error", "-m", "memlane")) -> tuple[int, str]:
    """Measure for a moment; return the status and what was said."""
    command = [sys.executable, *python, "bench", "--seconds", "0.2", *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def write_files(root: Path, files: dict[str, str]) -> None:
    """Make the files of a machine."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def levels(findings: Iterable[Finding]) -> list[str]:
    """Return how bad each is."""
    return [finding.level for finding in findings]


@pytest.mark.slow
def test_every_way_is_measured_and_the_status_is_the_verdict(namespace: Path) -> None:
    """Programs ask whether a machine is well."""
    status, said = bench("--json")

    answer = json.loads(said)
    figures = {figure["what"]: figure for figure in answer["figures"]}
    assert {"bytes there and back", "call f(a, b), asleep", "lock of a killed process", WITH_NUMPY} <= figures.keys()
    assert all(figure["seconds"] > 0 for figure in figures.values())
    assert {what for what, figure in figures.items() if figure["ratio"] is None} == {
        "open and close",
        "lock of a killed process",
    }
    assert {"processors", "space", "container", "meanwhile", "speed"} <= {item["what"] for item in answer["findings"]}
    assert answer["well"] == all(item["level"] == OK for item in answer["findings"])
    assert status == (0 if answer["well"] else 1)
    assert list(namespace.parent.glob("memlane-bench-*")) == []


@pytest.mark.slow
def test_without_numpy_all_but_arrays_is_measured_and_the_verdict_comes_last(namespace: Path) -> None:
    """The base package needs nothing but Python."""
    status, said = bench(python=("-c", WITHOUT_NUMPY))

    lines = said.splitlines()
    assert WITH_NUMPY not in said
    assert any(line.startswith("call f(a, b) ") and line.endswith(" x  os.pipe and pickle") for line in lines)
    assert lines[-1].startswith("This machine is set up well" if status == 0 else "Do what the arrows say")
    assert all(len(line) <= 80 for line in lines[: lines.index("")])


def test_a_place_where_nothing_can_be_made_is_named(namespace: Path) -> None:
    """The remedy is an option of the command."""

    def look() -> str:
        os.setuid(NOBODY)
        try:
            return place_of(str(namespace))
        except AccessDenied as error:
            return str(error)

    said = answer_of_child(look)

    assert (
        f"this user may not write in {str(namespace.parent)!r}: name a namespace in another one by --directory" in said
    )


def hold_a_process(link: Link) -> None:
    """Let another process wait beside this one."""
    with beside(lambda: os.read(os.pipe()[0], 1), min(os.sched_getaffinity(0))) as pid:
        link.send(pid)
        link.receive()


def test_the_other_process_ends_with_a_killed_bench(namespace: Path) -> None:
    """It would wait for ever, on a processor that is then measured as busy."""
    with Peer(hold_a_process) as holder:
        pid = holder.receive()
        holder.kill()

        wait_until(lambda: not is_running(pid), "the end of the other process")


def fail_beside() -> str:
    """Wait for a process that fails, until it interrupts."""
    never, _held = os.pipe()

    def fail() -> None:
        raise OSError("no memory for it")

    try:
        with beside(fail, min(os.sched_getaffinity(0))):
            # In pieces, as endpoints wait: a signal that comes just before a system call blocks does not end it.
            for _ in range(400):
                select.select([never], [], [], 0.05)
    except KeyboardInterrupt:
        return "interrupted"
    return "not interrupted"


def test_a_process_that_fails_beside_says_why_and_ends_the_measurement(capfd: pytest.CaptureFixture[str]) -> None:
    """Else the bench would wait for its answer for ever."""
    ended = answer_of_child(fail_beside)

    assert ended == "interrupted"
    assert "OSError: no memory for it" in capfd.readouterr().err


def is_running(pid: int) -> bool:
    """Say whether a process is there and not over."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_processor_is_found_with_the_way_to_a_second() -> None:
    """Nobody runs beside anybody there."""
    (pinned,), (single,), (enough,) = check_processors(1, 4), check_processors(1, 1), check_processors(2, 2)

    assert levels([pinned, single, enough]) == [NOTE, NOTE, OK]
    assert "taskset -c 0-3 PROGRAM; in docker: --cpuset-cpus=0-3" in pinned.advice
    assert "second processor" in single.advice


def test_a_governor_that_saves_power_is_found(tmp_path: Path) -> None:
    """The first message after a rest is then the slowest."""
    write_files(tmp_path, {f"cpu{number}/cpufreq/scaling_governor": "powersave\n" for number in range(2)})
    (saving,) = check_governor(str(tmp_path))
    write_files(tmp_path, {f"cpu{number}/cpufreq/scaling_governor": "performance\n" for number in range(2)})
    (fast,) = check_governor(str(tmp_path))

    assert levels([saving, fast]) == [NOTE, OK]
    assert saving.found.startswith("powersave on 2")
    assert "cpupower frequency-set -g performance" in saving.advice
    assert list(check_governor(str(tmp_path / "none"))) == []


V2 = {"proc/self/cgroup": "0::/app/worker\n", "sys/fs/cgroup/app/worker/cpu.max": "max 100000\n"}
V1 = {"proc/self/cgroup": "4:cpu:/docker/a1\n3:memory:/docker/a1\n"}  # in the container, the mount is the group


@pytest.mark.parametrize(
    "files",
    [
        {**V2, "sys/fs/cgroup/app/cpu.max": "50000 100000\n"},
        {**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_a_container_with_half_a_processor_is_found(files: dict[str, str], tmp_path: Path) -> None:
    """It stands still for most of each tenth of a second."""
    write_files(tmp_path, files)

    (found,) = check_container("/dev/shm", str(tmp_path))

    assert found.level == NOTE
    assert found.found.startswith("it may use 0.5 processors")
    assert "docker run --cpus=2" in found.advice


@pytest.mark.parametrize(
    "files",
    [
        {**V2, "sys/fs/cgroup/app/worker/memory.max": "4096\n"},
        {**V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n"},
    ],
)
def test_a_container_with_less_memory_than_is_offered_for_objects_is_found(
    files: dict[str, str], tmp_path: Path
) -> None:
    """Who fills it is killed, and gets no error."""
    write_files(tmp_path, files)

    (found,) = check_container("/dev/shm", str(tmp_path))

    assert found.level == NOTE
    assert found.found.startswith("it may use 4.0 KiB of memory, objects included")
    assert "docker run --shm-size=2048" in found.advice


@pytest.mark.parametrize("files", [V2, V1, {**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n"}, {}])
def test_a_container_without_limits_is_well(files: dict[str, str], tmp_path: Path) -> None:
    """Also where the kernel has no control groups, or half of a limit cannot be read."""
    write_files(tmp_path, files)

    assert list(check_container("/dev/shm", str(tmp_path))) == [
        Finding(OK, "container", "its limits allow all processors and all memory")
    ]


def test_what_others_took_meanwhile_is_told_with_its_remedy() -> None:
    """A measurement among others' work says nothing about the machine."""
    found = list(check_disturbance(Use(elapsed=10, all_programs=18, this_program=3, stolen=2, standing=0.5)))

    assert [(finding.level, finding.found) for finding in found] == [
        (NOTE, "other programs used 1.5 processors"),
        (NOTE, "the hypervisor gave 0.2 processors to other machines"),
        (NOTE, "the container had used up its time and stood still for 5% of it"),
    ]
    assert all(finding.advice for finding in found)


def test_a_measurement_in_peace_is_told_too() -> None:
    """Who reads the figures wants to know that they count."""
    (found,) = check_disturbance(Use(elapsed=10, all_programs=3.5, this_program=3, stolen=0, standing=0))

    assert found == Finding(OK, "meanwhile", "other programs used 0.05 processors")


def test_use_is_read_from_the_kernel(tmp_path: Path) -> None:
    """User, nice, system and interrupts are work; waiting for disks is none, and stolen time is nobody's here."""
    second = os.sysconf("SC_CLK_TCK")
    ticks = " ".join(str(count * second) for count in (1, 2, 4, 1000, 1000, 8, 16, 32, 0, 0))
    write_files(tmp_path, {**V2, "proc/stat": f"cpu  {ticks}\ncpu0 {ticks}\n"})
    write_files(tmp_path, {"sys/fs/cgroup/app/cpu.stat": "usage_usec 5\nthrottled_usec 1500000\n"})

    found = use(str(tmp_path))

    assert (found.all_programs, found.stolen, found.standing) == (31, 32, 1.5)
    assert standing_still(str(tmp_path / "none")) == 0


def test_what_is_slower_than_by_hand_or_than_anybody_waits_is_named() -> None:
    """A verdict must see what the user would."""
    slow = Figure("bytes one way", 2e-6, "os.pipe", 1e-6)
    late = Figure("lock of a killed process", 0.5, seconds_at_most=0.025)
    well = Figure("call f(a, b)", 1e-6, "os.pipe", 1e-6)

    found = [(finding.level, finding.found) for finding in check_figures([slow, late, well])]

    assert found == [
        (NOTE, "bytes one way: by os.pipe it is faster"),
        (NOTE, "lock of a killed process: it took longer than 25.0 ms"),
    ]
    assert levels(check_figures([well])) == [OK]

"""`memlane doctor`: it finds what is wrong with a machine, and its advice works when it is followed."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

import memlane
from memlane import HostVariable
from memlane.cli import main
from memlane.cli.doctor import machine
from memlane.cli.doctor.command import findings
from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding
from memlane.cli.doctor.space import DOCKER_BYTES
from tests.children import Child, answer_of_child
from tests.namespaces import (
    answer_in_memory_of,
    answer_of_isolated_child,
    call_system,
    fill_memory,
    mount,
    unshare_mounts,
)
from tests.peer import Link, Peer
from tests.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED_MEMORY = "/dev/shm"
NOBODY = 65534
READ_ONLY_FROM_NOW_ON = 32 | 1  # MS_REMOUNT | MS_RDONLY
ROUNDS = 5  # of looks and advice, until nothing is found: one ill can hide another


def hold_ephemeral(link: Link, name: str) -> None:
    """Keep an object open that goes with its last user."""
    with HostVariable(name, persistent=False):
        link.send("open")
        link.receive()


def found_about(what: str, directory: Path | str) -> list[Finding]:
    """Return what the doctor says about one thing."""
    return [finding for finding in findings(str(directory)) if finding.what == what]


def levels_of(what: str, directory: Path | str) -> set[str]:
    """Return how bad that is."""
    return {finding.level for finding in found_about(what, directory)}


def follow(advice: str) -> None:
    """Do the first thing that an advice says, up to the comma and its space."""
    command = advice.partition(", ")[0].partition(" (")[0]
    words = shlex.split(command)
    if words[0] == "memlane":
        assert main(words[1:]) == 0
    else:
        subprocess.run(words, check=True)


def test_a_sound_machine_has_no_problem(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A doctor who finds something in everybody is not asked twice."""
    with HostVariable("pose"):
        status = main(["doctor", "--json"])

    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert {finding["what"] for finding in found} >= {
        "namespace",
        "file system",
        "space",
        "limits",
        "kernel",
        "processes",
        "clock",
        "objects",
    }
    assert [finding for finding in found if finding["level"] == PROBLEM] == []


def test_each_finding_says_what_to_do(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is half of an answer."""
    (namespace / "text").write_text("hello")

    status = main(["doctor", "--quiet"])

    said = capsys.readouterr().out
    assert status == 1
    assert "problem objects:      'text': its file holds 5 bytes" in said
    assert "-> memlane rm text" in said
    assert "ok  " not in said


def test_the_memory_of_docker_is_found_and_grows_by_the_advice(namespace: Path) -> None:
    """64 MiB are the most common reason why a camera's image does not fit."""

    def look() -> tuple[int, list[Finding], bool, set[str]]:
        size = os.statvfs(namespace).f_blocks * os.statvfs(namespace).f_frsize
        before = found_about("space", namespace)
        follow(before[0].advice)
        with HostVariable("image", DOCKER_BYTES, slots=2):
            fits = True
        return size, before, fits, levels_of("space", namespace)

    size, (before,), fits, after = answer_in_memory_of("64m", namespace, look)

    assert size == DOCKER_BYTES
    assert before.level == NOTE
    assert "docker's default" in before.found
    assert before.advice.startswith(f"mount -o remount,size=1G {namespace}")
    assert fits
    assert after == {OK}


def test_full_memory_is_found_and_the_advice_makes_room(namespace: Path) -> None:
    """New objects fail with ENOSPC, and somebody has to know why."""

    def look() -> tuple[Finding, str, set[str]]:
        for name in ("large", "-two words"):
            with HostVariable(name, 1 << 18, slots=14):
                pass
        fill_memory(namespace)
        (full,) = found_about("space", namespace)
        try:
            HostVariable("another").close()
            refused = ""
        except memlane.NoSpace as error:
            refused = str(error)
        follow(full.advice)
        with HostVariable("another"):
            pass
        return full, refused, levels_of("space", namespace)

    full, refused, after = answer_in_memory_of("16m", namespace, look)

    assert full.level == PROBLEM
    assert "new objects fail with ENOSPC" in full.found
    assert shlex.split(full.advice)[:2] == ["memlane", "rm"]
    assert "-- '-two words' large, where nobody needs them" in full.advice
    assert "or mount -o remount,size=1G" in full.advice
    assert "no space for variable 'another'" in refused
    assert PROBLEM not in after


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_wrong_permissions_are_found_and_right_after_the_advice(namespace: Path, mode: int) -> None:
    """Such a directory is refused; who is refused wants to know what to type."""
    namespace.chmod(mode)
    with pytest.raises(memlane.UnsafeNamespace):
        HostVariable("pose", directory=namespace)

    (before,) = found_about("namespace", namespace)
    follow(before.advice)

    assert before.level == PROBLEM
    assert before.advice.startswith(f"chmod go-w {namespace}")
    assert levels_of("namespace", namespace) == {OK}
    with HostVariable("pose", directory=namespace):
        pass


def ills_of_default_namespace() -> list[Finding]:
    """Return what is not as it should be with objects and where they lie; this machine's own ills are left out."""
    about = ("namespace", "file system", "space", "leftovers", "objects", "participants")
    return [finding for finding in findings(None) if finding.what in about and finding.level != OK]


def cure(look: Callable[[], list[Finding]]) -> tuple[list[str], list[Finding]]:
    """Follow each advice until nothing is found; give what was found first and what is left at the end."""
    met: dict[str, None] = {}
    for _ in range(ROUNDS):
        ills = look()
        met |= dict.fromkeys(f"{ill.what}: {ill.found}" for ill in ills)
        for ill in ills:
            if not ill.advice.startswith("see the findings"):  # which have advice of their own
                follow(ill.advice)
    return list(met), look()


def in_shared_memory_of(options: str, function: Callable[[], object]) -> Any:
    """Run a function in a child whose /dev/shm is another one, and whose namespace is the default one there."""

    def mount_memory() -> None:
        unshare_mounts()
        mount("tmpfs", SHARED_MEMORY, options)
        del os.environ["MEMLANE_DIR"]

    return answer_of_isolated_child(mount_memory, function)


def lay_down_leftovers() -> None:
    """Make an object that nobody needs, one that is damaged, and one whose last user died."""

    def die_with_an_orphan() -> None:
        with HostVariable("orphan", persistent=False):
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("unused image", "damaged"):
        with HostVariable(name, 1 << 20, slots=14):
            pass
    Segment(Path(SHARED_MEMORY, f"memlane-{os.geteuid()}", "damaged")).set("magic", 0, seal=True)
    with Child(die_with_an_orphan) as child:
        child.join()


def test_a_machine_that_is_ill_in_every_way_is_well_after_all_advice_was_followed() -> None:
    """Docker's 64 MiB, full, with wrong permissions and leftovers: one evening of a robot."""

    def live() -> tuple[list[str], list[Finding], bool]:
        lay_down_leftovers()
        fill_memory(Path(SHARED_MEMORY))
        os.chmod(f"{SHARED_MEMORY}/memlane-{os.geteuid()}", 0o777)
        found, left = cure(ills_of_default_namespace)
        with HostVariable("image", DOCKER_BYTES, slots=2):
            return found, left, True

    found, left, fits = in_shared_memory_of("size=64m,mode=0777", live)

    text = "\n".join(found)
    assert "mode 777: others could replace its objects" in text
    assert f"{SHARED_MEMORY} has mode 777: others could put another directory in the place of" in text
    assert "new objects fail with ENOSPC" in text
    assert "docker's default, 64 MiB" in text
    assert "'orphan': made to go with the last user" in text
    assert "'damaged': the file does not begin as memlane's objects do" in text
    assert (left, fits) == ([], True)


@pytest.mark.parametrize("owner", [None, 0, NOBODY])
def test_a_user_who_may_not_write_is_told_what_root_has_to_type(owner: int | None) -> None:
    """An image whose /dev/shm is root's; a directory that root, or a careless chmod, left there."""

    def look_as_nobody() -> list[Finding]:
        list(findings(None))  # as root: nobody may be unable to read, and so to import, what it needs

        def look() -> list[Finding]:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            return ills_of_default_namespace()

        return cast("list[Finding]", answer_of_child(look))

    def live() -> tuple[list[str], list[Finding]]:
        directory = f"{SHARED_MEMORY}/memlane-{NOBODY}"
        if owner is not None:
            os.mkdir(directory, 0o500)
            os.chown(directory, owner, owner)
        return cure(look_as_nobody)

    found, left = in_shared_memory_of("size=1g,mode=0755", live)

    expected = {
        None: f"this user may not make it in {SHARED_MEMORY}",
        0: "belongs to user 0: its owner could replace objects",
        NOBODY: "has mode 500: this user may not make objects",
    }
    assert expected[owner] in "\n".join(found)
    assert left == []


def test_no_more_files_is_found_and_the_advice_allows_more() -> None:
    """A limit that df does not show without asking."""

    def live() -> tuple[list[str], list[Finding]]:
        Path(SHARED_MEMORY, "one file").touch()
        return cure(ills_of_default_namespace)

    found, left = in_shared_memory_of("size=1g,mode=1777,nr_inodes=2", live)

    assert found == [f"space: 0 more files can be made in {SHARED_MEMORY}"]
    assert left == []


def test_a_directory_that_is_a_link_is_found_and_gone_after_the_advice(namespace: Path, tmp_path: Path) -> None:
    """Whoever owns the link chooses where objects lie."""
    link = tmp_path / "link"
    link.symlink_to(namespace)

    (before,) = found_about("namespace", link)
    follow(before.advice)

    assert before.level == PROBLEM
    assert not link.is_symlink()
    assert levels_of("namespace", link) == {OK}


def test_a_directory_without_a_parent_is_found_and_can_be_made_after_the_advice(tmp_path: Path) -> None:
    """One directory is made where it is missing, not two."""
    path = tmp_path / "missing" / "namespace"

    (before,) = found_about("namespace", path)
    follow(before.advice)

    assert before.level == PROBLEM
    assert levels_of("namespace", path) == {OK}


def test_leftovers_of_the_dead_are_found_and_gone_after_the_advice(namespace: Path) -> None:
    """Nobody else removes what its last user could not."""
    with Peer(hold_ephemeral, "orphan") as holder:
        holder.receive()
        holder.kill()

    (before,) = found_about("leftovers", namespace)
    follow(before.advice)

    assert before.level == NOTE
    assert "'orphan'" in before.found
    assert found_about("leftovers", namespace) == []
    assert list(namespace.iterdir()) == []


def test_objects_of_an_earlier_boot_are_found(namespace: Path) -> None:
    """On a disk they outlive the machine, and their clocks mean nothing any more."""
    with HostVariable("old"):
        pass
    segment = Segment(namespace / "old")
    segment.write(BOOT_IDENTITY, bytes(16))
    segment.seal()

    (before,) = found_about("leftovers", namespace)
    follow(before.advice)

    assert "'old': made before this machine was last started" in before.found
    assert found_about("leftovers", namespace) == []


BOOT_IDENTITY = 248  # docs/format/segment.md


def test_damaged_objects_are_found_and_gone_after_the_advice(namespace: Path) -> None:
    """Programs that open one are told the same, each for itself."""
    with HostVariable("pose"):
        pass
    Segment(namespace / "pose").set("magic", 0, seal=True)

    (before,) = found_about("objects", namespace)
    follow(before.advice)

    assert before.level == PROBLEM
    assert levels_of("objects", namespace) == {OK}


def test_what_is_no_object_is_found_and_gone_after_the_advice(namespace: Path) -> None:
    """Somebody put it there; `memlane rm` takes files only."""
    (namespace / "folder").mkdir()
    (namespace / "link").symlink_to("/etc/passwd")

    found = found_about("objects", namespace)
    for finding in found:
        follow(finding.advice)

    assert [finding.level for finding in found] == [PROBLEM, PROBLEM]
    assert list(namespace.iterdir()) == []


def test_an_object_without_places_is_found(namespace: Path) -> None:
    """The next program that opens it will fail."""
    with HostVariable("pose", max_participants=2), HostVariable("pose"):
        (crowd,) = found_about("participants", namespace)

    assert crowd.level == PROBLEM
    assert "'pose' is open 2 times, and has 2 places" in crowd.found


def test_limits_of_the_process_are_found(namespace: Path) -> None:
    """A shell's limit looks like memlane's fault."""

    def look() -> list[Finding]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        return found_about("limits", namespace)

    files, sizes = answer_of_child(look)

    assert (files.level, files.advice) == (NOTE, "ulimit -n 4096")
    assert (sizes.level, sizes.advice) == (PROBLEM, "ulimit -f unlimited")
    assert "1.0 MiB at most" in sizes.found


def test_a_file_system_that_cannot_do_it_is_found(namespace: Path) -> None:
    """/proc has neither files without a name nor room."""
    (found,) = found_about("file system", f"/proc/{os.getpid()}/task")

    assert found.level == PROBLEM
    assert "name a directory on a tmpfs" in found.advice


@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_file_system_is_not_told_as_wrong_permissions(namespace: Path, *, exists: bool) -> None:
    """A container with a read-only root: no chmod helps."""
    path = namespace / "own"

    def mount_read_only() -> None:
        unshare_mounts()
        mount("tmpfs", namespace, "mode=700")
        if exists:
            path.mkdir(0o700)
        call_system("mount", None, os.fsencode(namespace), None, READ_ONLY_FROM_NOW_ON, None)

    found = answer_of_isolated_child(
        mount_read_only, lambda: found_about("namespace", path) + found_about("file system", path)
    )

    (problem,) = [finding for finding in found if finding.level == PROBLEM]
    assert "read-only" in problem.found.lower()
    assert problem.advice == "name a directory on a tmpfs, such as one in /dev/shm, in MEMLANE_DIR"


def test_kernels_are_judged_by_their_version() -> None:
    """An old one lacks what crash safety needs, a middle one is slower in one thing."""
    assert [
        next(iter(machine.check_kernel(release))).level for release in ("3.10.0-el7", "5.4.0-generic", "6.1.0")
    ] == [
        PROBLEM,
        NOTE,
        OK,
    ]


def test_slow_clocks_are_found(tmp_path: Path) -> None:
    """A virtual machine without a stable counter pays for each write."""
    (tmp_path / "current_clocksource").write_text("hpet\n")
    (slow,) = machine.check_clock(str(tmp_path))
    (tmp_path / "current_clocksource").write_text("tsc\n")
    (fast,) = machine.check_clock(str(tmp_path))
    (unknown,) = machine.check_clock(str(tmp_path / "missing"))

    assert (slow.level, fast.level, unknown.level) == (NOTE, OK, NOTE)
    assert "clocksource=tsc" in slow.advice


def test_what_systemd_removes_at_logout_is_found(tmp_path: Path) -> None:
    """Objects that vanish at night are the hardest to explain."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd").mkdir(parents=True)
    (removes,) = machine.check_logout(1000, str(tmp_path))
    (tmp_path / "etc/systemd/logind.conf").write_text("[Login]\nRemoveIPC=no\n")
    (keeps,) = machine.check_logout(1000, str(tmp_path))

    assert (removes.level, keeps.level) == (NOTE, OK)
    assert "RemoveIPC=no" in removes.advice
    assert list(machine.check_logout(999, str(tmp_path))) == []


def test_a_missing_proc_is_found(tmp_path: Path) -> None:
    """Then deaths are seen by locks alone."""
    (missing,) = machine.check_proc(str(tmp_path))

    assert missing.level == NOTE


def test_a_trap_that_was_turned_off_is_found(namespace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody did it for a debugger, and forgot."""
    monkeypatch.setenv("MEMLANE_SIGBUS", "0")

    assert levels_of("environment", namespace) == {NOTE}


@pytest.mark.slow
def test_the_doctor_can_be_run_as_a_command(namespace: Path) -> None:
    """As a user does, with the status for a script."""
    (namespace / "text").write_text("hello")

    ill = subprocess.run([sys.executable, "-m", "memlane", "doctor"], check=False, capture_output=True, text=True)
    (namespace / "text").unlink()
    well = subprocess.run([sys.executable, "-m", "memlane", "doctor"], check=False, capture_output=True, text=True)

    assert (ill.returncode, well.returncode) == (1, 0)

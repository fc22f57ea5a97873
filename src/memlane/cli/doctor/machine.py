"""The machine: what its kernel has, its clock, and what may remove objects behind our back."""

from __future__ import annotations

import os
import platform
import re
from typing import TYPE_CHECKING

from memlane.cli.doctor.finding import NOTE, OK, PROBLEM, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_OFD_LOCKS = (3, 15)
_WAIT_FOR_ANY = (5, 16)
_FAST_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "riscv_clocksource", "timebase")
_FIRST_LOGIN = 1000


def check_kernel(release: str | None = None) -> Iterator[Finding]:
    """Look at the kernel's version. *release*: as ``uname -r`` says it; default: this machine's."""
    what = "kernel"
    release = platform.release() if release is None else release
    match = re.match(r"(\d+)\.(\d+)", release)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    if version < _OFD_LOCKS:
        yield Finding(PROBLEM, what, f"{release} has no byte locks of open files", "use Linux 3.15 or newer")
    elif version < _WAIT_FOR_ANY:
        yield Finding(
            NOTE, what, f"{release} cannot wait on many objects at once",
            "use Linux 5.16 or newer where many objects are waited for",
        )  # fmt: skip
    else:
        yield Finding(OK, what, f"{release} has all that is used")


def check_proc(root: str = "/proc") -> Iterator[Finding]:
    """Look at /proc, which tells processes from later ones of the same number."""
    if os.path.exists(f"{root}/self/stat") and os.path.exists(f"{root}/1/stat"):
        yield Finding(OK, "processes", f"{root} shows the processes")
    else:
        yield Finding(
            NOTE, "processes", f"{root} is missing or hides processes of others (hidepid)",
            "mount -t proc proc /proc (as root), or mount it with hidepid=0",
        )  # fmt: skip


def check_clock(root: str = "/sys/devices/system/clocksource/clocksource0") -> Iterator[Finding]:
    """Look at what the kernel reads the time from."""
    try:
        with open(f"{root}/current_clocksource", encoding="ascii") as file:
            source = file.read().strip()
    except OSError:
        yield Finding(NOTE, "clock", "the kernel does not say what it reads the time from", "mount -t sysfs sysfs /sys")
        return
    if source in _FAST_CLOCKS:
        yield Finding(OK, "clock", f"{source}, which is read without a system call")
    else:
        yield Finding(
            NOTE, "clock", f"{source}: each write reads it by a system call, 10 times as slow",
            "start the kernel with clocksource=tsc, if its processor has a stable one (dmesg | grep -i tsc)",
        )  # fmt: skip


def check_logout(user: int | None = None, root: str = "/") -> Iterator[Finding]:
    """Look for systemd's RemoveIPC, which removes what a user has in /dev/shm when their last session ends."""
    user = os.geteuid() if user is None else user
    if user < _FIRST_LOGIN or not os.path.isdir(os.path.join(root, "run/systemd/system")):
        return
    setting = "yes"
    for name in ("etc/systemd/logind.conf", "etc/systemd/logind.conf.d/memlane.conf"):
        try:
            with open(os.path.join(root, name), encoding="utf-8") as file:
                found = re.findall(r"^\s*RemoveIPC\s*=\s*(\w+)", file.read(), re.MULTILINE)
        except OSError:
            continue
        setting = found[-1] if found else setting
    if setting.lower() in ("no", "false", "off", "0"):
        yield Finding(OK, "logout", "objects outlive the last session of their user")
    else:
        yield Finding(
            NOTE, "logout", "systemd removes this user's objects when the user's last session ends (RemoveIPC=yes)",
            "RemoveIPC=no in /etc/systemd/logind.conf, `loginctl enable-linger`, or run as a system user",
        )  # fmt: skip


def check_huge_pages(root: str = "/sys/kernel/mm/transparent_hugepage") -> Iterator[Finding]:
    """Say whether large objects get huge pages, where the kernel tells."""
    try:
        with open(f"{root}/shmem_enabled", encoding="ascii") as file:
            chosen = re.search(r"\[(\w+)\]", file.read())
    except OSError:
        return
    setting = chosen[1] if chosen else "unknown"
    yield Finding(OK, "huge pages", f"shared memory gets them: {setting}")


def check_environment() -> Iterator[Finding]:
    """Look at what the environment turned off."""
    if os.environ.get("MEMLANE_SIGBUS") == "0":
        yield Finding(
            NOTE,
            "environment",
            "MEMLANE_SIGBUS=0: a file that is truncated under its users ends them",
            "unset MEMLANE_SIGBUS",
        )

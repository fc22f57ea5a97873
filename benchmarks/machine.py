"""What the figures were measured on: no name of the machine, only what decides how fast it is."""

from __future__ import annotations

import os
import platform
from typing import Any


def processor_model() -> str:
    """Return what the processor calls itself."""
    with open("/proc/cpuinfo") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def memory_gib() -> int:
    """Return the size of the memory."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


def describe() -> dict[str, Any]:
    """Return what a reader needs."""
    with open("/proc/cpuinfo") as text:
        is_virtual = "hypervisor" in text.read()
    return {
        "processor": processor_model(),
        "processors": len(os.sched_getaffinity(0)),
        "virtual": is_virtual,
        "memory_gib": memory_gib(),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
    }

"""The suite's own leak check: a check that cannot fail would prove nothing."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.leaks import Holdings

if TYPE_CHECKING:
    from pathlib import Path


def test_open_descriptor_is_named_with_its_file(namespace: Path) -> None:
    """A leaked descriptor is found by the file behind it, not by its number."""
    before = Holdings.now(namespace, namespace)

    descriptor = os.open(namespace, os.O_RDONLY)
    left = Holdings.now(namespace, namespace).beyond(before)
    os.close(descriptor)

    assert left == [f"descriptors: {descriptor} -> {namespace}"]


def test_running_child_and_zombie_are_named(namespace: Path) -> None:
    """A forgotten peer goes on running on the machine of whoever runs the tests."""
    before = Holdings.now(namespace, namespace)

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        running = Holdings.now(namespace, namespace).children - before.children
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        left = Holdings.now(namespace, namespace).beyond(before)

    assert running == {str(child.pid)}
    assert f"children: pid {child.pid} '(zombie)'" in left


def test_mapping_of_an_unlinked_file_is_named(namespace: Path) -> None:
    """Memory stays taken as long as somebody maps it, whatever the directory shows."""
    path = namespace / "mapped"
    path.write_bytes(bytes(mmap.PAGESIZE))
    before = Holdings.now(namespace, namespace)

    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        path.unlink()
        left = Holdings.now(namespace, namespace).mappings - before.mappings

    assert [line.split(maxsplit=5)[5] for line in left] == [f"{path} (deleted)"]


def test_file_in_the_default_namespace_is_named(namespace: Path) -> None:
    """A segment that nobody unlinked fills shared memory until the next boot."""
    before = Holdings.now(namespace, namespace)

    (namespace / "forgotten").touch()
    left = Holdings.now(namespace, namespace).beyond(before)

    assert left == ["files: forgotten"]

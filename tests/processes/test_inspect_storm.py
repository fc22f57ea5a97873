"""Looking while processes come, work and are killed: every look is whole, and nobody is disturbed."""

from __future__ import annotations

import contextlib
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import memlane
from memlane import HostVariable, inspect
from tests.children import Child
from tests.peer import wait_until
from tests.storm import is_torn, value_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITERS = 4
KILLS = 40
OBJECTS = 1000


def write_for_ever(name: str) -> None:
    """Write values that show whether they are torn, and use every other kind too."""
    with (
        HostVariable(name, 1 << 16, slots=4) as variable,
        memlane.RWSharedMMap("map", 4096) as shared,
        HostVariable(f"{name}-short", persistent=False) as short,
    ):
        number = 0
        while True:
            variable.data = value_of(number)
            short.data = number
            with shared.lock_write():
                shared[0:8] = number.to_bytes(8, "little")
            number += 1


def start_writer(name: str) -> Child:
    """Start a process that writes until it is killed."""
    return Child(lambda: write_for_ever(name))


def value_in(name: str) -> Any:
    """Return the value of a variable, None where there is none or writers were faster than every look."""
    try:
        return inspect.read(name).value
    except (memlane.Empty, memlane.ObjectNotFound, memlane.Timeout):
        return None


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_looks_are_whole_while_writers_are_killed(namespace: Path) -> None:
    """A robot's programs die while somebody looks; the look must neither break nor break them."""
    random = Random(9)
    names = [f"pose-{number}" for number in range(WRITERS)]
    read = dead_seen = 0
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(start_writer(name)) for name in names]
        wait_until(lambda: set(names) <= set(inspect.names()), "the writers have begun")
        for _ in range(KILLS):
            victim = random.randrange(WRITERS)
            children[victim].kill()
            found = inspect.objects(namespace)
            assert [item for item in found if isinstance(item, inspect.Damaged)] == []
            dead_seen += sum(len(item.dead) for item in found if isinstance(item, inspect.Object))
            values = [value for name in names if (value := value_in(name)) is not None]
            assert [value for value in values if is_torn(value)] == []
            read += len(values)
            children[victim] = stack.enter_context(start_writer(names[victim]))

    assert read > KILLS
    assert dead_seen > 0
    for name in names:
        with HostVariable(name) as variable:
            variable.data = "whole"
            assert variable.data == "whole"
    memlane.collect()


@pytest.mark.slow
def test_a_thousand_objects_are_listed(namespace: Path, record_property: Callable[[str, object], None]) -> None:
    """A large robot has that many; the time is told, and never asserted."""
    for number in range(OBJECTS):
        with HostVariable(f"object-{number}", 64, slots=2, max_participants=8):
            pass

    began = time.perf_counter()
    found = inspect.objects(namespace)
    record_property("seconds", time.perf_counter() - began)

    assert len(found) == OBJECTS
    assert all(item.kind == "variable" for item in found)

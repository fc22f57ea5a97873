"""Measure the latest value of a struct of five doubles (scenario S4), and print it beside typed peers.

    python benchmarks/structs.py [--rounds 9]

memlane with ``msgspec.Struct``, ctypes and numpy; ``multiprocessing.Array`` and ``Value``; the blackboard of iceoryx2
where it is installed (it needs flatbuffers). Alone, and while another process does the opposite all the time. Ratios
are to memlane with ``msgspec.Struct``.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import os
import statistics
import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from first import CONTEXT, Contender, cell, measure, repeated

from memlane import HostVariable

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("x", "y", "z", "roll", "yaw")
VALUES = (1.5, -2.5, 3.5, 0.1, 0.2)
BASELINE = "memlane, msgspec"


class Pose(msgspec.Struct):
    """Five doubles."""

    x: float
    y: float
    z: float
    roll: float
    yaw: float


class PoseObject(ctypes.Structure):
    """The same for ctypes."""

    _fields_ = [(name, ctypes.c_double) for name in NAMES]


POSE_DTYPE = np.dtype([(name, "f8") for name in NAMES])


@contextlib.contextmanager
def memlane_variable(name: str, data_format: Any, value: Any, directory: str) -> Iterator[Contender]:
    """Share by memlane."""
    with HostVariable(name, data_format=data_format, directory=directory) as variable:

        def put(times: int) -> None:
            for _ in range(times):
                variable.data = value

        def get(times: int) -> None:
            for _ in range(times):
                _value = variable.data

        yield Contender(f"memlane, {name}", put, get)


@contextlib.contextmanager
def array() -> Iterator[Contender]:
    """Share by an array of the standard library, behind its lock."""
    shared = CONTEXT.Array("d", 5)

    def put() -> None:
        shared[:] = VALUES

    yield Contender("multiprocessing.Array", repeated(put), repeated(lambda: shared[:]))


@contextlib.contextmanager
def number() -> Iterator[Contender]:
    """Share a single double."""
    shared = CONTEXT.Value("d", 0.0)

    def put() -> None:
        shared.value = 1.5

    yield Contender("multiprocessing.Value (1 double)", repeated(put), repeated(lambda: shared.value))


@contextlib.contextmanager
def blackboard() -> Iterator[Contender]:
    """Share by the blackboard of iceoryx2: it copies the struct in and out."""
    iceoryx2 = importlib.import_module("iceoryx2")
    iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
    node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
    name = iceoryx2.ServiceName.new(f"memlane-benchmark-{os.getpid()}")
    key, value = ctypes.c_uint64(0), PoseObject(*VALUES)
    creator = node.service_builder(name).blackboard_creator(ctypes.c_uint64)
    service = creator.add(key, value).create()
    writer = service.writer_builder().create()
    reader = service.reader_builder().create()
    writing, reading = writer.entry(key, PoseObject), reader.entry(key, PoseObject)
    yield Contender(
        "iceoryx2 blackboard",
        repeated(lambda: writing.update_with_copy(value)),
        repeated(lambda: reading.get().decode_as(PoseObject)),
        survives_fork=False,
    )


def is_installed() -> bool:
    """Tell whether the blackboard can be measured."""
    return all(find_spec(name) is not None for name in ("iceoryx2", "flatbuffers"))


def contenders(stack: contextlib.ExitStack) -> list[Contender]:
    """Open everything that can be measured."""
    directory = stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
    declared = {
        "msgspec": (Pose, Pose(*VALUES)),
        "ctypes": (PoseObject, PoseObject(*VALUES)),
        "numpy": (POSE_DTYPE, np.array(VALUES, POSE_DTYPE)[()]),
    }
    found = [
        stack.enter_context(memlane_variable(name, form, value, directory)) for name, (form, value) in declared.items()
    ]
    found += [stack.enter_context(array()), stack.enter_context(number())]
    if is_installed():
        found.append(stack.enter_context(blackboard()))
    return found


def main() -> None:
    """Measure, and print a line for each contender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        present = contenders(stack)
        figures = {key: statistics.median(rounds) for key, rounds in measure(present, arguments.rounds).items()}
    scenarios = list(dict.fromkeys(scenario for _name, scenario in figures))
    print(f"{'5 doubles, ns':<34}" + "".join(f"{scenario:>24}" for scenario in scenarios))
    for contender in present:
        cells = (cell(figures.get((contender.name, each)), figures[BASELINE, each]) for each in scenarios)
        print(f"{contender.name:<34}" + "".join(cells))
    if not is_installed():
        print("not installed: iceoryx2")


if __name__ == "__main__":
    main()

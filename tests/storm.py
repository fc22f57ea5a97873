"""Writers that are killed at random moments: what they do, and where they were when they died.

A writer is forked from a warm process, which costs a millisecond where a fresh interpreter costs forty. Before and
after each operation it marks a page that no variable knows of; what it committed it acknowledges through a pipe.
Both survive it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import struct
import traceback
import zlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from memlane import HostVariable, NoFreeSlot
from tests.children import end_by_itself

if TYPE_CHECKING:
    from collections.abc import Callable

PATTERN_SIZE = 60_000
PATTERNS = [bytes([number]) * PATTERN_SIZE for number in range(16)]
CHECKSUMS = [zlib.crc32(pattern) for pattern in PATTERNS]
ACKNOWLEDGEMENT = struct.Struct("<Q")


def value_of(number: int) -> tuple[int, int, bytes]:
    """Return the value that belongs to a number: any mixture of two values is none."""
    return (number, CHECKSUMS[number % 16], PATTERNS[number % 16])


def is_torn(value: Any) -> bool:
    """Say whether a value is none of those of `value_of`."""
    return bool(value != value_of(value[0]))


class Scene:
    """What a writer's death leaves behind: a mark, and its acknowledgements."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._reading_end, self._writing_end = os.pipe()
        os.set_blocking(self._reading_end, False)

    def close(self) -> None:
        """Give the page and the pipe back."""
        self._page.close()
        os.close(self._reading_end)
        os.close(self._writing_end)

    def enter(self) -> None:
        """Mark that an operation begins."""
        self._page[0] = 1

    def leave(self) -> None:
        """Mark that it has ended."""
        self._page[0] = 0

    def acknowledge(self, number: int) -> None:
        """Tell the survivors that a value was committed."""
        os.write(self._writing_end, ACKNOWLEDGEMENT.pack(number))

    def was_inside(self) -> bool:
        """Say whether the last mark is that of a beginning, and remove it."""
        inside = self._page[0] == 1
        self._page[0] = 0
        return inside

    def wait_for_acknowledgement(self, timeout: float) -> bool:
        """Wait for a sign of life."""
        return bool(select.select([self._reading_end], [], [], timeout)[0])

    def acknowledged(self) -> list[int]:
        """Return what was acknowledged since the last time."""
        content = b""
        while True:
            try:
                content += os.read(self._reading_end, 1 << 16)
            except BlockingIOError:
                return [number for (number,) in ACKNOWLEDGEMENT.iter_unpack(content)]


def fork(function: Callable[[], object]) -> int:
    """Run a function in a forked child, which never returns from here, and answer its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            end_by_itself()
            function()
        except BaseException:  # noqa: BLE001 - a child must not go on as its parent, whatever happens
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def kill(pid: int) -> int:
    """Kill a child, reap it, and answer the signal that ended it, 0 if it had ended by itself."""
    os.kill(pid, signal.SIGKILL)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def spread(seconds: list[float]) -> str:
    """Say how long something took, for who reads the output: nothing is asserted of it."""
    ordered = sorted(seconds)
    p50, p99 = (ordered[len(ordered) * part // 100] for part in (50, 99))
    return f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {ordered[-1] * 1e3:.1f} ms of {len(ordered)}"


class PickledValue(tuple[int, int, bytes]):
    """Equal to a plain value, and not plain: writing it goes through pickle."""

    __slots__ = ()


def write_plain(variable: HostVariable, number: int) -> None:
    """Write through the codec."""
    variable.data = value_of(number)


def write_pickled(variable: HostVariable, number: int) -> None:
    """Write through pickle."""
    variable.data = PickledValue(value_of(number))


def write_by_loan(variable: HostVariable, number: int) -> None:
    """Fill a slot in place; readers get the bytes of the pattern, with its number in front."""
    with variable.loan(size=PATTERN_SIZE + 8) as place:
        place[:8] = ACKNOWLEDGEMENT.pack(number)
        place[8:] = PATTERNS[number % 16]


def write_while_viewing(variable: HostVariable, number: int) -> None:
    """Hold a view across a write."""
    write_by_loan(variable, number)
    view = None
    with contextlib.suppress(TypeError):  # a tuple, by another writer
        view = variable.view()
    write_by_loan(variable, number)
    assert view is None or view.nbytes == PATTERN_SIZE + 8


def open_write_and_close(variable: HostVariable, number: int) -> None:
    """Attach, write and detach."""
    with HostVariable(variable.name) as another:
        another.data = value_of(number)


OPERATIONS: dict[str, Callable[[HostVariable, int], None]] = {
    "write": write_plain,
    "write a pickle": write_pickled,
    "loan": write_by_loan,
    "write while viewing": write_while_viewing,
    "open, write, close": open_write_and_close,
}


def decoded(value: Any) -> Any:
    """Return the value of either form as `value_of` has it."""
    if isinstance(value, bytes):
        (number,) = ACKNOWLEDGEMENT.unpack_from(value)
        return (number, zlib.crc32(value[8:]), value[8:])
    return tuple(value)


@dataclass
class Toll:
    """What a storm came to."""

    kills: int = 0
    inside: int = 0
    acknowledged: int = 0
    torn: int = 0
    lost: int = 0
    lost_slots: int = 0
    inside_of: dict[str, int] = field(default_factory=dict)


def usable_slots(variable: HostVariable) -> int:
    """Count the slots that can be taken at once, beside the current one: what the dead held is among them."""
    loans = []
    with contextlib.suppress(NoFreeSlot):
        while True:
            loans.append(variable.loan(size=1, timeout=0))
    return len(loans)


def write_until_killed(scene: Scene, variable: HostVariable, operation: str, number: int) -> None:
    """Repeat an operation with rising numbers."""
    act = OPERATIONS[operation]
    while True:
        number += 1
        scene.enter()
        act(variable, number)
        scene.leave()
        scene.acknowledge(number)


def kill_one_writer(scene: Scene, variable: HostVariable, operation: str, generator: Random, toll: Toll) -> None:
    """Let a forked writer work for a moment, kill it, and look at what it left."""
    before = decoded(variable.data)[0]
    writer = fork(lambda: write_until_killed(scene, variable, operation, before))
    assert scene.wait_for_acknowledgement(30), f"the writer ({operation}) committed nothing within 30 s"
    select.select([], [], [], generator.random() * 0.002)  # a random moment, not a synchronisation
    assert kill(writer) == signal.SIGKILL

    inside = scene.was_inside()
    acknowledged = scene.acknowledged()
    value = decoded(variable.data)
    last = acknowledged[-1] if acknowledged else before
    toll.kills += 1
    toll.inside += inside
    toll.inside_of[operation] = toll.inside_of.get(operation, 0) + inside
    toll.acknowledged += len(acknowledged)
    toll.torn += is_torn(value)
    toll.lost += value[0] not in {last, last + 1} or acknowledged != list(range(before + 1, last + 1))
    variable.data = value_of(value[0])  # NoFreeSlot, if the dead blocked it


def rage(name: str, kills: int, seed: int) -> Toll:
    """Kill so many writers, one after the other, and count."""
    generator = Random(seed)
    toll = Toll()
    scene = Scene()
    with HostVariable(name, PATTERN_SIZE + 4_000, slots=4) as variable:
        variable.data = value_of(0)
        for number in range(kills):
            operation = list(OPERATIONS)[number % len(OPERATIONS)]
            kill_one_writer(scene, variable, operation, generator, toll)
        toll.lost_slots = 3 - usable_slots(variable)
    scene.close()
    return toll


def rage_among_writers(name: str, kills: int, seed: int) -> Toll:
    """Keep three writers alive at once, each with marks of its own; kill one of them at a time, and start another."""
    generator = Random(seed)
    toll = Toll()
    scenes = [Scene() for _ in range(3)]
    # 3 writes, 3 views, a write and a view of a victim whose end is under way, a late read of ours, and 2: with fewer a
    # writer could find no slot for as long as a busy machine lets the others rest, and say so.
    slots = 12
    with HostVariable(name, PATTERN_SIZE + 4_000, slots=slots) as variable:
        variable.data = value_of(0)
        writers = [start_among_others(scene, variable, generator) for scene in scenes]
        for _ in range(kills):
            victim = generator.randrange(len(scenes))
            assert scenes[victim].wait_for_acknowledgement(30), "a writer committed nothing within 30 s"
            select.select([], [], [], generator.random() * 0.002)  # a random moment, not a synchronisation
            assert kill(writers[victim]) == signal.SIGKILL
            toll.kills += 1
            toll.inside += scenes[victim].was_inside()
            toll.torn += is_torn(decoded(variable.data))
            toll.acknowledged += sum(len(scene.acknowledged()) for scene in scenes)
            # Each acknowledged write was numbered, or came to its end after newer ones.
            statistics = variable.stats()
            toll.lost += statistics.version + statistics.superseded < toll.acknowledged
            writers[victim] = start_among_others(scenes[victim], variable, generator)
        for writer in writers:
            kill(writer)
        toll.lost_slots = slots - 1 - usable_slots(variable)
    for scene in scenes:
        scene.close()
    return toll


def start_among_others(scene: Scene, variable: HostVariable, generator: Random) -> int:
    """Fork a writer that repeats one of the operations."""
    operation = generator.choice(list(OPERATIONS))
    return fork(lambda: write_until_killed(scene, variable, operation, 0))

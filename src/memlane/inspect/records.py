"""What is told of an object and of its participants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Participant:
    """One open endpoint, or what is left of one whose process died and which nobody cleaned up yet."""

    pid: int
    """In the pid namespace of its own."""
    program: str
    """The short name of the program, at most 15 characters."""
    alive: bool
    since: float | None
    """When the process was started, seconds since the epoch; None where it is not known."""
    roles: tuple[str, ...]
    """``reader``, ``writer`` (ends of a channel), ``locks``, ``shares lock``, ``waits for lock`` (map, buffer),
    ``serves``, ``calls`` (function)."""
    slots_writing: int
    """Slots that it fills or loans."""
    slots_viewed: int
    """Versions that its views keep."""
    calls: int
    """Its calls that are not over."""
    executing: int
    """Calls of others that it executes."""
    index: int
    thread: int
    """The thread that opened it."""
    pid_namespace: int
    """Inode of the pid namespace, 0: unknown."""
    counters: Mapping[str, int]
    """What was counted at its place, by former owners of the place too."""

    @property
    def holds(self) -> bool:
        """Whether it holds what others may need: a slot, a view, a lock, a call."""
        return bool(
            self.slots_writing or self.slots_viewed or self.executing or {"locks", "shares lock"} & {*self.roles}
        )


@dataclass(frozen=True)
class Object:
    """One object at one moment. What its kind does not have is None."""

    name: str
    kind: str
    """``variable``, ``channel``, ``function``, ``map``, ``share`` or ``buffer``."""
    size: int
    """Bytes of its file."""
    allocated: int
    """Bytes of memory behind it."""
    uuid: str
    """Another object of the same name has another one."""
    created: float
    """Seconds since the epoch."""
    age: float | None
    """Seconds since it was made; None where it is of an earlier boot."""
    creator: int
    """User id."""
    owner: int
    mode: int
    """Permissions of the file."""
    persistent: bool
    layout: tuple[int, int]
    schema: tuple[str, ...]
    """What its values are, a line for each field or parameter; of a function the fields of its ``arguments`` and of its
    ``result``. Empty where any value is taken."""
    limits: Mapping[str, int]
    """The sizes that it was made with, under the names of the arguments."""
    places: int
    """Endpoints that can be open at once."""
    participants: tuple[Participant, ...]
    counters: Mapping[str, int]
    """Summed over all participants, present and past; they never fall."""
    waiting: bool
    """Whether somebody sleeps until something happens to it."""
    recovering: bool
    """Whether the lock's last owner died in it and nobody came after."""
    version: int | None
    value_size: int | None
    """Bytes of the latest value."""
    written: float | None
    """When it was written, seconds since the epoch; None: never."""
    slots_writing: int | None
    slots_viewed: int | None
    untaken: bool | None
    """Whether a share's value waits to be taken."""
    filled: int | None
    """Bytes in a channel that wait to be read."""
    position: int | None
    """Bytes that were written to a channel since it was made."""
    calls_waiting: int | None
    """Calls that nobody has begun."""
    calls_running: int | None
    calls_done: int | None
    """Calls whose responses were not collected."""

    @property
    def alive(self) -> tuple[Participant, ...]:
        """The participants that live."""
        return tuple(participant for participant in self.participants if participant.alive)

    @property
    def dead(self) -> tuple[Participant, ...]:
        """Those that died and that nobody cleaned up yet; the next to need their place does."""
        return tuple(participant for participant in self.participants if not participant.alive)


@dataclass(frozen=True)
class Damaged:
    """A file that should be an object and cannot be looked at."""

    name: str
    error: str
    """The class of the error: ``Corrupted``, ``LayoutMismatch``, ``AccessDenied``, ``UnsafeNamespace``, ..."""
    reason: str

    kind = "damaged"

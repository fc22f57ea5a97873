"""One endpoint of a map, and the locks taken through it."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, final

from typing_extensions import Self

from memlane._native.endpoint import Endpoint as Pollable
from memlane._native.mapping import Mapping
from memlane.acquisition import Acquisition

class Endpoint(Pollable):
    """The part of the map classes that works on the object. None stands for what was not given."""

    def __new__(
        cls,
        name: bytes,
        directory: bytes,
        *,
        size: int | None,
        participants: int | None,
        persistent: bool | None,
        mode: int,
        peer_uid: int,
        create: bool,
        uuid: bytes | None,
    ) -> Self: ...
    def close(self) -> None:
        """Mark the endpoint closed."""

    def closed(self) -> bool:
        """Tell whether it is closed."""

    def descriptor(self) -> tuple[int, int]:
        """Return a descriptor of the object's file that carries no lock, and where the bytes begin."""

    def guard(self, address: int, size: int) -> None:
        """Protect a second mapping of the bytes against truncation of the file."""

    def unmap(self, mapping: Mapping, unmapping: Callable[[], None]) -> None:
        """End that and call unmapping(), in one step, unless exports of the memory live: then it is BufferError."""

    def check(self) -> None:
        """Raise `Closed`, or `Corrupted` where the file was truncated."""

    def mode(self) -> int:
        """Return what the calling thread has locked: 0 nothing, 1 to read, 2 to write."""

    def is_current(self) -> bool:
        """Tell whether the name still leads to this object."""

    def properties(self) -> dict[str, Any]:
        """Return what the object is, also when the endpoint is closed."""

    def statistics(self) -> dict[str, Any]:
        """Return the fields of `memlane.MapStatistics`."""

@final
class Lock:
    """A lock of a map, for ``with``."""

    def __new__(cls, mapping: Mapping, endpoint: Endpoint, timeout: float | None, writes: bool) -> Self: ...
    @property
    def recovered(self) -> bool:
        """Whether a writer died inside and nobody has written since."""

    def acquire_async(self) -> Acquisition:
        """Return what takes this lock in a task: ``async with lock.acquire_async():``. No thread owns it then."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

@final
class Hold:
    """A lock of a map that belongs to no thread. For one thread at a time, but for `give_up`."""

    def __new__(cls, endpoint: Endpoint, timeout: float | None, writes: bool) -> Self: ...
    @property
    def mode(self) -> int:
        """What it permits: 1 to read, 2 to write."""

    @property
    def recovered(self) -> bool:
        """Whether a writer died inside and nobody has written since."""

    @property
    def is_held(self) -> bool:
        """Whether it was taken, and not given back."""

    def attempt(self) -> bool:
        """Take it if it is free, and tell whether it was."""

    def take(self) -> None:
        """Wait for it, and take it unless another thread calls `give_up`."""

    def give_up(self) -> None:
        """End the wait of another thread, now or later."""

    def release(self) -> None:
        """Give it back."""

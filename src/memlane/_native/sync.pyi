from types import TracebackType
from typing import ClassVar, final

from typing_extensions import Buffer, Self

SIZE: int

@final
class Participation:
    """The place of this process among the users of mutexes in one namespace."""

    __reduce_cython__: ClassVar[None]
    __setstate_cython__: ClassVar[None]

    def __init__(self, directory: bytes) -> None: ...

class Mutex:
    """The part of `memlane.sync.Mutex` that works on the memory."""

    @property
    def recovered(self) -> bool:
        """Whether the holder before the last acquisition died with it."""

    def _open(self, buf: Buffer, participation: Participation | None, recursive: bool) -> None: ...
    def close(self) -> None:
        """Give the buffer back. What is held stays held; may be called twice."""

    def initialize(self) -> None:
        """Make a mutex of the memory. Once, by whoever makes the memory, before anybody else uses it."""

    def destroy(self) -> None:
        """Make the memory no mutex any more.

        Raises:
            SyncError: ``EBUSY``: it is held. ``EINVAL``: it is no mutex.
        """

    def acquire(self, *, timeout: float | None = 1) -> None:
        """Take the mutex for this thread. Afterwards `recovered` says whether its last holder died with it.

        Args:
            timeout: Seconds to wait; None waits for ever, 0 only tries.

        Raises:
            SyncError: ``EBUSY``: somebody holds it, and it was only tried. ``ETIMEDOUT``: the time is over.
                ``EDEADLK``: this thread holds it, and it is not recursive. ``EINVAL``: nobody initialised it.
        """

    def release(self) -> None:
        """Give back what this thread took last.

        Raises:
            SyncError: ``EPERM``: this thread does not hold it. ``EINVAL``: nobody initialised it.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

@final
class Hold:
    """A mutex that belongs to no thread once it is taken. For one thread at a time, but for `give_up`."""

    __reduce_cython__: ClassVar[None]
    __setstate_cython__: ClassVar[None]

    def __new__(cls, mutex: Mutex, timeout: float | None) -> Self: ...
    def __del__(self) -> None: ...
    @property
    def recovered(self) -> bool:
        """Whether its last holder died with it."""

    @property
    def is_held(self) -> bool:
        """Whether this process took it, and did not give it back: a mutex stays with the parent of a fork."""

    def attempt(self) -> bool:
        """Take it if it is free, and tell whether it was."""

    def take(self) -> None:
        """Wait for it, and take it unless another thread calls `give_up`."""

    def give_up(self) -> None:
        """End the wait of another thread, now or later."""

    def release(self) -> None:
        """Give it back."""

"""What a forked child has of its own."""

from collections.abc import Callable
from typing import Generic, TypeVar, final

from typing_extensions import Self

_Value = TypeVar("_Value")

@final
class Owner:
    """The process that made this; `process` is its number."""

    process: int

    @property
    def is_parent(self) -> bool:
        """Whether that is a parent or an older ancestor, and this process was forked since."""

@final
class PerProcess(Generic[_Value]):
    """A value of each process: a forked child makes another one.

    What threads of its parent were doing with theirs at the fork, nobody would ever end in the child.
    """

    def __new__(cls, make: Callable[[], _Value]) -> Self: ...
    def here(self) -> _Value:
        """Return the value of this process. A block that forks gives back the lock that it took, on both sides."""

"""Arguments that were not given, and where objects live."""

from __future__ import annotations

import operator
import os

# Importing `typing` takes longer than all of memlane: who is imported with HostVariable takes these two from here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import final as final  # noqa: PLC0414  (the form that exports it)
else:

    def final(kind: type) -> type:
        """Mark a class that nobody derives from, as `typing.final` does."""
        kind.__final__ = True
        return kind


@final
class Default(int):
    """The value of an argument that was not given.

    It reads and behaves as the documented default. What was not given adopts what is there; what was given must agree.
    """

    __slots__ = ()


MAX_SIZE = Default(4096)
SLOTS = Default(14)
PROTOCOL = Default(5)
MAX_PARTICIPANTS = Default(128)
MAP_PARTICIPANTS = Default(1024)
CHANNEL_SIZE = Default(65536)
SHARE_SIZE = Default(1 << 20)
SHARE_SLOTS = Default(4)
MAX_SZ_ARGS = Default(4096)
MAX_SZ_RET = Default(4096)
LANES = Default(64)
CALL_SLOTS = Default(4)

# The most functions of one dispatcher, as the library has it.
FUNCTIONS_MAXIMUM = 65536


def given(value: int | None) -> int | None:
    """Return what the caller gave, None where that was nothing."""
    return None if isinstance(value, Default) or value is None else operator.index(value)


def whole_number(argument: str, value: int) -> int:
    """Return a count as the caller gave it; a `TypeError` where it is no whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{argument}={value!r} is {type(value).__name__}: give a whole number") from None


def require_positive(what: str, **numbers: int) -> None:
    """Refuse numbers below 1, and what is no whole number; what they are numbers of is named in the message."""
    for argument, value in numbers.items():
        if whole_number(argument, value) < 1:
            raise ValueError(f"{what}: {argument}={value!r} is not positive")


def namespace_directory(directory: str | os.PathLike[str] | None = None) -> bytes:
    """Return the absolute path of the namespace directory, for an endpoint that outlives a change of directory.

    Args:
        directory: As the caller named it. None: ``$MEMLANE_DIR``, else the user's own, for which the path is empty.
    """
    named = os.environ.get("MEMLANE_DIR", "") if directory is None else os.fspath(directory)
    path = os.fsencode(os.path.abspath(named)) if named else b""
    if b"\0" in path:
        raise ValueError(f"the namespace directory {named!r} contains a NUL: no path does")
    return path


def directory_path(directory: str | os.PathLike[str] | None = None) -> str:
    """Return the path of the namespace directory, the user's own too, whether it exists or not."""
    return os.fsdecode(namespace_directory(directory)) or f"/dev/shm/memlane-{os.geteuid()}"  # noqa: S108

"""What endpoints of all kinds can do."""

from collections.abc import Sequence
from typing import Final, TypeVar, final

from typing_extensions import Self

class Endpoint:
    """What can be polled, and waited for together with others."""

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to take.

        It is level-triggered, as a socket's, and for `select`, `selectors` and event loops only: nothing can be read
        from it. It belongs to the endpoint: ``close()`` makes it readable and then closes it, so unregister it before,
        as a socket. A forked child gets another one.

        Raises:
            Closed: The endpoint was closed.
            SystemFailure: No descriptor is left.
        """

_Pollable = TypeVar("_Pollable", bound=Endpoint)

@final
class Poll:
    """The descriptor of an endpoint for one poll, kept also when that is closed meanwhile: then it is readable.

    A context manager; gives the descriptor.
    """

    def __new__(cls, subject: Endpoint) -> Self: ...
    def __enter__(self) -> int: ...
    def __exit__(self, *raised: object) -> None: ...

@final
class Looks:
    """Looks at an endpoint before a task polls it, for as long as that pays: other tasks run between two of them.

    An iterator of nothing. Afterwards ``found`` tells whether there is something to take.
    """

    found: Final[bool]

    def __new__(cls, subject: Endpoint) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> None: ...

@final
class Expectations:
    """The versions that tasks of one process wait beyond, by their tickets."""

    def __new__(cls) -> Self: ...

def wait_any(endpoints: Sequence[_Pollable], timeout: float | None) -> list[_Pollable]:
    """Wait until some of the endpoints have something to take, and return those in their order; none in time: none."""

"""One endpoint of a function, for both sides: who calls and who serves."""

from typing import Any

from memlane._native.endpoint import Endpoint

class Function(Endpoint):
    """What callers and dispatchers have in common: an open function."""

    def _open(
        self,
        name: bytes,
        directory: bytes,
        *,
        max_sz_args: int | None,
        max_sz_ret: int | None,
        lanes: int | None,
        slots: int | None,
        participants: int | None,
        persistent: bool | None,
        mode: int,
        peer_uid: int,
        create: bool,
        uuid: bytes | None,
        allow_pickle: bool | None,
        arg_format: Any,
        ret_format: Any,
    ) -> None:
        """Open or create. None stands for what was not given; an empty directory for the default one."""

    def _close(self) -> None: ...
    def _check(self) -> None:
        """Raise `Closed` where the endpoint is."""

    @property
    def closed(self) -> bool:
        """Whether the endpoint was closed."""

    @property
    def is_current(self) -> bool:
        """Whether the name still leads to this object: False once it was unlinked or re-created."""

    @property
    def is_served(self) -> bool:
        """Whether a live process serves the function."""

    @property
    def arg_format(self) -> Any:
        """The format of the arguments, as it was declared; where it was adopted its numpy dtype; None: any type."""

    @property
    def ret_format(self) -> Any:
        """The format of the results, likewise."""

    @property
    def name(self) -> str:
        """The object's name, without a leading slash."""

    def _properties(self) -> dict[str, Any]: ...
    def _statistics(self) -> dict[str, Any]: ...

class Shift:
    """A thread that runs callbacks."""

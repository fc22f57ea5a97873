from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, final

from typing_extensions import Self

from memlane._native.endpoint import Endpoint
from memlane._native.record import Field, Layout

@final
class Transaction:
    """A block within a transaction of its thread; the same object may be entered again inside."""

    __reduce_cython__: ClassVar[None]
    __setstate_cython__: ClassVar[None]

    def __enter__(self) -> Any: ...
    def __exit__(self, kind: object, error: object, traceback: object) -> None: ...

class Buffer(Endpoint):
    """The part of `memlane.buffer.Buffer` that works on the record."""

    __reduce_cython__: ClassVar[None]
    __setstate_cython__: ClassVar[None]

    valid: bool
    """Whether somebody made the buffer valid, and did not close it or die since. Setting it takes over."""

    def _open(
        self,
        layout: Layout,
        name: bytes,
        directory: bytes,
        *,
        participants: int | None,
        persistent: bool | None,
        mode: int,
        peer_uid: int,
        create: bool,
        uuid: bytes | None,
    ) -> None: ...
    def _attach(self, layout: Layout) -> None: ...
    def transaction(self, *, readonly: bool = False, timeout: float | None = None) -> AbstractContextManager[Self]:
        """Group operations: others see all that the block changed at once, or nothing when it raises.

        Reentrant in its thread; an exception that leaves the outermost block rolls all of it back, as does the death of
        this process.

        Args:
            readonly: The block sees one state of the buffer and waits for nobody; it cannot change anything.
            timeout: Seconds to wait for the transactions of others; None waits for ever.

        Raises:
            DeviceBufferError: The buffer is not valid.
            Timeout: Another transaction went on until the time was over.
        """

    def get(self, param: str, /) -> Any:
        """Return the value of a parameter, as the device reported it last; a vector as a list of your own.

        Raises:
            DeviceBufferError: There is no such parameter, it is not readable, or the buffer is not valid.
        """

    def set(self, param: str, value: Any, /) -> None:
        """Set what `get` returns: for who speaks for the device.

        Raises:
            DeviceBufferError: There is no such parameter, it is not readable, or the buffer is not valid.
            TypeError: The value is of the wrong type.
            ValueError: The value does not fit the parameter's type.
        """

    def write(self, param: str, value: Any, /) -> None:
        """Request that a parameter is written to the device. A request that was not sent yet is replaced.

        Floating-point numbers beyond the parameter's limits become the limit, with a warning.

        Raises:
            DeviceBufferError: There is no such parameter, it is not writeable, or the buffer is not valid.
            TypeError: The value is of the wrong type.
            ValueError: The value is NaN, or does not fit the parameter's type.
        """

    def _get_extra(self, name: str) -> Any: ...
    def _set_extra(self, name: str, value: Any) -> None: ...
    def _values(self, block: str) -> dict[str, Any]: ...
    def _note_seen(self) -> None:
        """Remember the present counts: changes from here on are news."""

    def wait(
        self, params: Iterable[str] | None = None, timeout: float | None = None, *, requests: bool = False
    ) -> frozenset[str]:
        """Wait until parameters were set since this endpoint was opened, or since the last wait that returned them.

        Args:
            params: Their names; None: any.
            timeout: Seconds; None waits for ever, 0 only looks.
            requests: Wait for requested writes and reads instead: for who speaks for the device.

        Returns:
            The names of those that changed.

        Raises:
            Timeout: None of them changed in time.
            DeviceBufferError: There is no such parameter, or the buffer is not valid any more.
        """

    def _wait(
        self, params: Iterable[str] | None, timeout: float | None, requests: bool, in_task: bool = False
    ) -> tuple[list[Field], bytes]: ...
    def _wait_in_task(self, params: Iterable[str] | None, requests: bool) -> frozenset[str]: ...
    def _expect(self, ticket: Any, version: int | None) -> None: ...
    def _changes(
        self, params: Iterable[str] | None, timeout: float | None, in_task: bool = False
    ) -> dict[str, Any]: ...
    def close(self) -> None:
        """End the endpoint; the buffer becomes invalid where this endpoint made it valid. May be called twice."""

    @property
    def closed(self) -> bool:
        """Whether it was closed, or never opened."""

    def _properties(self) -> dict[str, Any] | None: ...
    @property
    def name(self) -> str:
        """The buffer's name, without a leading slash; of a local buffer that of its type."""

    @property
    def version(self) -> int:
        """How many transactions changed something, about: it rises with each one."""

    @property
    def is_current(self) -> bool:
        """Whether the name still leads to this buffer; a local one has none to lose."""

    def _statistics(self) -> dict[str, Any] | None: ...

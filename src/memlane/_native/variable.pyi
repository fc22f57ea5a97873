"""One endpoint of a variable: values in and out."""

from typing import Any

from memlane._native.endpoint import Endpoint
from memlane._native.loan import Loan
from memlane.codec.fields import Field

class Variable(Endpoint):
    """The part of `memlane.HostVariable` that works on shared memory."""

    def _open(
        self,
        name: bytes,
        directory: bytes,
        *,
        max_size: int | None,
        slots: int | None,
        participants: int | None,
        protocol: int | None,
        persistent: bool | None,
        mode: int,
        peer_uid: int,
        create: bool,
        uuid: bytes | None,
        allow_pickle: bool | None,
        data_format: Any,
    ) -> None:
        """Open or create. None stands for what was not given; an empty directory for the default one."""

    @property
    def data(self) -> Any:
        """The latest value. Raises `Empty` while there is none."""

    @data.setter
    def data(self, value: Any) -> None: ...
    def get(self, default: Any = None) -> Any:
        """Return the latest value, or ``default`` where nothing was ever written."""

    def _read(self) -> tuple[Any, int, float]:
        """Return value, version and wall-clock seconds of one write."""

    @property
    def version(self) -> int:
        """The number of the latest write: 0 before the first one, then rising, the same in all processes."""

    @property
    def age(self) -> float:
        """Seconds since the latest write, by a clock that never steps. Raises `Empty` while there is none."""

    def wait(self, newer_than: int | None = None, timeout: float | None = None) -> Any:
        """Wait until there is a newer version, and return the latest value.

        Args:
            newer_than: A version. Default: the newest that this endpoint has returned by any reading method, so that
                the first call returns at once when there is a value.
            timeout: Seconds; None waits for ever, 0 only looks.

        Raises:
            Timeout: No newer version came in time.
            Closed: The endpoint was closed, also by another thread meanwhile.
        """

    @property
    def _seen(self) -> int:
        """The newest version that this endpoint has returned."""

    def _expect(self, ticket: Any, version: int | None) -> None:
        """Poll for what is newer than the first of the versions that tasks wait beyond; None: one of them does not."""

    def _next(self, timeout: float | None, newer_than: int | None = None) -> Any:
        """Wait for a version that this endpoint has not returned, or had not; count what it passed over."""

    def view(self) -> Any:
        """Return the latest value in place: read-only, and unchanged for as long as the result lives.

        Returns:
            A memoryview for ``bytes``, an ndarray for an array; of a fixed format an ndarray where it is a dtype, else
            a memoryview of the struct.

        Raises:
            TypeError: The value is neither. Read ``.data`` for a copy.
            TooManyViews: This endpoint views four versions already; views of one version count once.
        """

    def _loan(self, pattern: Any, timeout: float | None) -> Loan:
        """Loan a slot for a value of the pattern's type and size."""

    def close(self) -> None:
        """Close the endpoint; views of it stay. May be called twice."""

    @property
    def closed(self) -> bool:
        """Whether the endpoint was closed."""

    @property
    def is_current(self) -> bool:
        """Whether the name still leads to this object: False once it was unlinked or re-created."""

    def _properties(self) -> dict[str, Any]: ...
    @property
    def data_format(self) -> Any:
        """The format of the values, as it was declared; where it was adopted its numpy dtype; None: there is none."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of the format in the order of their offsets; empty where there is none."""

    @property
    def name(self) -> str:
        """The object's name, without a leading slash."""

    def _statistics(self) -> dict[str, Any]: ...

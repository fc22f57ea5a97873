from collections.abc import Iterable
from typing import Any

from memlane._native.buffer import Buffer
from memlane.messaging import Message

class DeviceBuffer(Buffer):
    """The part of `memlane.buffer.DeviceBuffer` that makes and digests messages."""

    def read(self, params: Iterable[str] | None = None) -> None:
        """Request the values of parameters from the device.

        Args:
            params: Their names; None: all. Those that are not readable are left out.

        Raises:
            DeviceBufferError: There is no such parameter, or the buffer is not valid.
        """

    def get_read(self) -> list[str]:
        """Return the names of the parameters whose values are requested, and clear them."""

    def get_write(self) -> dict[str, Any]:
        """Return the values that are requested to be written, by name, and clear them."""

    def get_update(self) -> dict[str, Any]:
        """Return the values that were set, by name, and clear their marks."""

    def update(self, message: Message, /) -> None:
        """Digest a message: store what it says and mark what it asks for. Other types than these five are ignored.

        Raises:
            MessageError: The payload is malformed; nothing was changed.
            DeviceBufferError: The buffer is not valid.
        """

    def _take_rw(self) -> tuple[list[Message], list[str]]: ...
    def _take_data(self, subscribed: bool) -> tuple[list[Message], list[str]]: ...
    def _subscription_of(self, params: Iterable[str] | None) -> int: ...
    def make_sub_res(self) -> Message:
        """Make the message that says what the device is subscribed to, and who it is."""

    def _identity(self) -> tuple[int, int, int]: ...
    def _identify(self, device_id: int, year: int, random: int) -> None: ...
    @property
    def subscription(self) -> frozenset[str]:
        """The names of the parameters that the device reports by itself."""

    @property
    def interval(self) -> float:
        """Seconds between two reports; 0: none."""

    @property
    def last_write(self) -> float:
        """When a write was requested last: seconds since the epoch, 0 for never."""

    @property
    def last_update(self) -> float:
        """When a value was set last: seconds since the epoch, 0 for never."""

from collections.abc import Mapping
from typing import ClassVar, final, overload

from typing_extensions import Buffer

from memlane.messaging.codes import ErrorCode, MessageType

@final
class Message:
    """A message between a robot and a Smart Device. ``len`` is the number of bytes of its payload.

    Args:
        type: A `MessageType`.
        payload: At most 255 bytes.
    """

    MAX_PARAMS: ClassVar[int]
    MAX_SIZE: ClassVar[int]
    MAX_ENCODING_SIZE: ClassVar[int]
    DELIM: ClassVar[bytes]
    NO_PARAMS: ClassVar[int]
    ALL_PARAMS: ClassVar[int]

    def __init__(self, type: int, payload: Buffer = b"") -> None: ...  # noqa: A002
    @property
    def type(self) -> MessageType:
        """The `MessageType`."""

    @property
    def code(self) -> int:
        """The number of the type."""

    @property
    def payload(self) -> bytes:
        """What the message carries."""

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def encode(self) -> bytes:
        """Return the bytes that go on the wire between two delimiters.

        Raises:
            MissingDependency: The package ``cobs`` is not installed.
        """

    @staticmethod
    def decode(frame: bytes | bytearray | memoryview) -> Message:
        """Return the message of a frame, without the delimiters around it.

        Raises:
            MessageError: The bytes are no message; ``context["code"]`` says in which way.
            MissingDependency: The package ``cobs`` is not installed.
        """

    @staticmethod
    def make_ping() -> Message:
        """Ask a device who it is."""

    @staticmethod
    def make_sub_req(params: int, interval: int) -> Message:
        """Subscribe to the parameters of a bitmap, at an interval in milliseconds; 0 is none."""

    @staticmethod
    def make_unsubscribe() -> Message:
        """End every subscription."""

    @staticmethod
    def make_sub_res(params: int, interval: int, device_id: int, year: int, random: int) -> Message:
        """Say what the subscription is, in milliseconds, and who the device is."""

    @staticmethod
    def make_dev_read(params: int) -> Message:
        """Ask for the values of the parameters of a bitmap."""

    @staticmethod
    def make_dev_write(params: int, param_map: Mapping[int, Buffer]) -> Message:
        """Set the parameters of a bitmap to values from a `ParameterMap`, or any mapping of ids to bytes."""

    @staticmethod
    def make_dev_data(params: int, param_map: Mapping[int, Buffer]) -> Message:
        """Give the values of the parameters of a bitmap from a `ParameterMap`, or any mapping of ids to bytes."""

    @staticmethod
    def make_dev_disable() -> Message:
        """Make a device safe at once."""

    @staticmethod
    def make_hb_req(id: int) -> Message:  # noqa: A002
        """Ask whether the other side is there, under a number."""

    @staticmethod
    def make_hb_res(id: int) -> Message:  # noqa: A002
        """Answer a heartbeat request by its number."""

    @staticmethod
    def make_error(code: int) -> Message:
        """Say why the last message was refused, by an `ErrorCode`."""

    def read_ping(self) -> None:
        """Check that this is a ping."""

    def read_sub_req(self) -> tuple[int, int]:
        """Return the bitmap and the interval in milliseconds."""

    def read_unsubscribe(self) -> None:
        """Check that this ends every subscription."""

    def read_sub_res(self) -> tuple[int, int, tuple[int, int, int]]:
        """Return the bitmap, the interval in milliseconds, and the identity: device id, year, random bits."""

    def read_dev_read(self) -> int:
        """Return the bitmap of the parameters that are asked for."""

    @overload
    def read_dev_write(self, param_map: None = None) -> tuple[int, bytes]: ...
    @overload
    def read_dev_write(self, param_map: Mapping[int, memoryview]) -> int: ...
    @overload
    def read_dev_data(self, param_map: None = None) -> tuple[int, bytes]: ...
    @overload
    def read_dev_data(self, param_map: Mapping[int, memoryview]) -> int: ...
    def read_dev_disable(self) -> None:
        """Check that this makes a device safe."""

    def read_hb_req(self) -> int:
        """Return the number of the request."""

    def read_hb_res(self) -> int:
        """Return the number of the request that is answered."""

    def read_error(self) -> ErrorCode | int:
        """Return the `ErrorCode`, or its number where none has it."""

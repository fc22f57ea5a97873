from typing import Any, ClassVar, final

@final
class Field:
    """One parameter in the record, or one extra field."""

    __reduce_cython__: ClassVar[None]
    __setstate_cython__: ClassVar[None]

    @property
    def name(self) -> str: ...
    @property
    def param(self) -> Any: ...
    @property
    def size(self) -> int: ...
    @property
    def update_offset(self) -> int: ...
    @property
    def write_offset(self) -> int: ...
    @property
    def position(self) -> int: ...
    def describe(self, name: str, ctype: Any) -> None:
        """Say what it is called and of which type."""

    def checked(self, value: Any) -> Any:
        """Return what a value is after it went into the record and came out again."""

    def encode_other(self, value: Any, address: int) -> None:
        """Write what only ctypes knows: vectors, wide characters, long doubles."""

    def refuse(self, value: Any) -> None:
        """Raise for a value that its type cannot hold."""

    def refuse_type(self, expected: str, value: Any) -> None:
        """Raise for a value of the wrong type."""

@final
class Layout:
    """The layout of one type of buffer.

    Args:
        type_name: As the catalog has it.
        params: The parameters.
        widths: The C type of each, as the peripheral has it.
        specifiers: The same in words.
        extra: Names and C types of further fields.
        is_device: Whether it is a Smart Device's.
    """

    __reduce_cython__: ClassVar[None]
    __setstate_cython__: ClassVar[None]

    def __init__(
        self,
        type_name: str,
        params: tuple[Any, ...],
        widths: list[Any],
        specifiers: list[str],
        extra: list[tuple[str, Any]],
        is_device: bool,
    ) -> None: ...
    @property
    def type_name(self) -> str: ...
    @property
    def params(self) -> tuple[Any, ...]: ...
    @property
    def fields(self) -> dict[str, Field]: ...
    @property
    def by_position(self) -> list[Field]: ...
    @property
    def by_id(self) -> list[Field | None]: ...
    @property
    def extra(self) -> dict[str, Field]: ...
    @property
    def size(self) -> int: ...
    @property
    def schema(self) -> bytes: ...
    @property
    def is_device(self) -> bool: ...
    def refuse(self, name: object, access: str) -> None:
        """Raise for a parameter that does not exist, or not for this access."""

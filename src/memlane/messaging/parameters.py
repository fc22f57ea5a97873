"""Where the values of parameters lie while messages are made and read."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from memlane.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PARAMETERS = 16


@final
class ParameterMap(Mapping[int, memoryview]):
    r"""The memory of parameters by their ids: `Message` takes values from it and stores values in it.

    Args:
        values: A bytes-like object for each id; a writable one where messages are to be read into it.

    Example:
        >>> pos = bytearray(4)
        >>> values = ParameterMap({0: b"\x01", 3: pos})
        >>> sorted(values)
        [0, 3]
    """

    def __init__(self, values: Mapping[int, Any] | None = None) -> None:
        self._views: dict[int, memoryview] = {}
        for index, value in (values or {}).items():
            self.set_param(index, value)

    def set_param(self, index: int, base: Any, size: int | None = None) -> None:
        """Say where the value of a parameter lies.

        Args:
            index: The parameter's id, 0 to 15.
            base: A bytes-like object; or, with *size*, a memory address, which must stay valid and is not checked.
            size: Bytes at an address.

        Raises:
            MessageError: No parameter has such an id.
        """
        self._check(index)
        if size is not None:
            base = (ctypes.c_char * size).from_address(base)
        self._views[index] = memoryview(base).cast("B")

    def clear_param(self, index: int) -> None:
        """Forget where the value of a parameter lies."""
        self._check(index)
        self._views.pop(index, None)

    def _check(self, index: int) -> None:
        if index not in range(MAX_PARAMETERS):
            raise MessageError(f"parameter {index!r}: ids of a Smart Device are 0 to {MAX_PARAMETERS - 1}", index=index)

    def __getitem__(self, index: int) -> memoryview:
        return self._views[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{index}: {view.nbytes}" for index, view in sorted(self._views.items()))
        return f"<ParameterMap, bytes by id: {{{sizes}}}>"

"""Values that are looked at where they lie."""

from typing import Any, final

import numpy as np
from typing_extensions import Buffer

@final
class View:
    """Where the bytes of a value lie that can be looked at in place."""

    @property
    def offset(self) -> int:
        """Where they begin in the payload."""

    @property
    def length(self) -> int:
        """How many they are."""

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The type of the elements, None for bytes."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the array, None for bytes."""

    @property
    def order(self) -> str | None:
        """`C` or `F`, the order of the elements, None for bytes."""

    def over(self, payload: Buffer) -> memoryview | np.ndarray[Any, Any]:
        """Give the value as a view of `payload`: a memoryview, or an array that is writable where `payload` is."""

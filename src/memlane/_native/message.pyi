"""Values as the payload of calls: written straight into shared memory, and read from it once."""

from typing import final

@final
class Pickled:
    """A pickle on its way into shared memory."""

    @property
    def size(self) -> int: ...
    @property
    def content(self) -> int: ...

@final
class Packed:
    """A value of a format on its way into shared memory."""

    @property
    def size(self) -> int: ...

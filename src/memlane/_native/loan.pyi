"""A slot that is filled in place."""

from types import TracebackType
from typing import Any

class Loan:
    """A free slot of a variable, filled in a ``with`` block and published when it ends well.

    What the block is given must not be used after it: the slot belongs to the readers then.
    """

    def __enter__(self) -> Any: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def revoke(self, target: Any) -> None:
        """Take writing back from what the block was given, as far as Python can."""

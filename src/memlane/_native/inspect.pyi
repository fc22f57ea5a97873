"""Objects of every kind, looked at without touching them."""

from typing import Any, final

from memlane.codec.fields import Layout

def names_in(directory: bytes) -> list[str]:
    """List the names of what may be objects in a directory; an empty one stands for the default."""

def take_structure(layout: Layout, payload: bytes, label: str) -> Any:
    """Make a value of the struct that these bytes are."""

@final
class Inspection:
    """One object, opened for reading only. Of one thread at a time."""

    def __new__(cls, name: bytes, directory: bytes) -> Inspection: ...
    def close(self) -> None:
        """Give the mapping back."""

    def facts(self) -> dict[str, Any]:
        """Tell what the object is at this moment, as a dict."""

    def participants(self) -> list[tuple[Any, ...]]:
        """List the participants, each as a tuple in the order of the C struct."""

    def schema(self) -> bytes:
        """Give the bytes of the schema."""

    def layout(self) -> Layout | None:
        """Give the layout of the object's struct, of a function that of its arguments; None where it has none."""

    def result_layout(self) -> Layout | None:
        """Give the layout of the struct of a function's results, None where it has none."""

    def read(self) -> tuple[bytes, tuple[int, int, int, int, int, int]]:
        """Copy the latest value: the payload, and the reading as a tuple."""

    def latest(self) -> tuple[int, int, int, int, int, int] | None:
        """Tell of the latest value what `read` tells of it, without copying it; None where nothing was ever written."""

    def peek(self, start: int, limit: int) -> tuple[int, bytes]:
        """Copy bytes that a channel holds, from a position or the oldest: where they begin, and them."""

    def copy(self, offset: int, size: int) -> bytes:
        """Copy bytes of a map."""

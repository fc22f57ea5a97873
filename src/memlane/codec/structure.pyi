"""Values of a fixed format: exactly the bytes of one struct."""

from typing import Any

from memlane.codec.fields import Layout

class Structure:
    """A format, as an endpoint has it: values are msgspec structs, or dicts."""

    size: int
    layout: Layout
    form: Any

    def compare(self, form: Any) -> None:
        """Raise for a value whose bytes are others than these."""

class ObjectStructure(Structure):
    """Values are objects of a ctypes.Structure class."""

class ArrayStructure(Structure):
    """Values are arrays, or scalars where the dtype has no shape."""

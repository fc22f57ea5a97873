"""Formats between Python and the library."""

def type_names() -> list[str]:
    """Name the types of fields in the order of their codes."""

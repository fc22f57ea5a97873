"""The parts of a struct: fields, and structs of fields."""

class Member:
    """A field, or a struct of fields."""

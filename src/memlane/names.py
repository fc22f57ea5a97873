"""Names of objects, as callers give them."""

from __future__ import annotations

from memlane.errors import InvalidName


def encoded_name(name: str | bytes) -> bytes:
    """Return the bytes of a name; the library judges them."""
    if isinstance(name, bytes):
        return bytes(name)
    if not isinstance(name, str):
        raise TypeError(f"a name is str or bytes, not {type(name).__name__}")
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise InvalidName(f"the name {name!r} has no UTF-8 form ({error.reason}): use other characters") from error

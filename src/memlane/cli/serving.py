"""What the subcommands that listen at a port of this machine have in common."""

from __future__ import annotations


def cannot_serve(error: OSError, address: str, port: int) -> OSError:
    """Return the error for an address where nobody can listen, with what to do."""
    return OSError(error.errno, f"cannot serve at {address}, port {port}: {error.strerror}; --port takes another one")

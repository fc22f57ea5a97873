"""What the subcommands that listen at a port of this machine have in common."""

from __future__ import annotations

OWN_NAMES = ("127.0.0.1", "localhost")
"""This machine, as no other one can be called."""


def own_hosts(port: int) -> frozenset[str]:
    """Return what the header ``Host`` says in a request to this machine's own address.

    A page of another site whose name is made to lead to this machine, DNS rebinding, still sends that name.
    """
    return frozenset(f"{name}:{port}" for name in OWN_NAMES)


def cannot_serve(error: OSError, address: str, port: int) -> OSError:
    """Return the error for an address where nobody can listen, with what to do."""
    return OSError(error.errno, f"cannot serve at {address}, port {port}: {error.strerror}; --port takes another one")

"""Objects by name, whatever their kind."""

def unlink(name: bytes, directory: bytes, mode: int, peer_uid: int) -> None:
    """Remove a name; an empty directory stands for the default one."""

def collect(directory: bytes, mode: int, peer_uid: int) -> int:
    """Remove the ephemeral objects that nobody has open; return how many."""

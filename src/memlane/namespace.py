"""What is done with objects of any kind, by their names."""

from __future__ import annotations

from memlane import settings
from memlane._native import namespace
from memlane.names import encoded_name
from memlane.settings import TYPE_CHECKING

if TYPE_CHECKING:
    import os


def unlink(
    name: str | bytes,
    *,
    directory: str | os.PathLike[str] | None = None,
    mode: int = 0o600,
    peer_uid: int | None = None,
) -> None:
    """Remove the name of an object of any kind. Endpoints that are open go on.

    Args:
        name: As given to the object's class.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        mode: The most that the directory's mode may let others do.
        peer_uid: Another user whose directory is accepted.

    Raises:
        ObjectNotFound: There is no such object.
    """
    namespace.unlink(
        encoded_name(name), settings.namespace_directory(directory), mode, -1 if peer_uid is None else peer_uid
    )


def collect(*, directory: str | os.PathLike[str] | None = None, mode: int = 0o600, peer_uid: int | None = None) -> int:
    """Remove every object made with ``persistent=False`` that no live endpoint has open.

    Args:
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        mode: The most that the directory's mode may let others do.
        peer_uid: Another user whose directory is accepted.

    Returns:
        How many were removed.
    """
    return namespace.collect(settings.namespace_directory(directory), mode, -1 if peer_uid is None else peer_uid)

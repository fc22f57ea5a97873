"""What can go wrong, one class for each reaction that a caller can have.

::

Error:
    ├── AccessDenied (PermissionError)       the directory or object does not let this user in
    ├── CallCancelled (RuntimeError)         the call was taken back before anybody had begun it
    ├── Closed (ValueError)                  the endpoint was closed
    ├── Corrupted (ValueError)               the shared bytes contradict themselves, or were truncated
    ├── Empty (LookupError)                  nothing was ever written
    ├── EncodingError (PicklingError, TypeError)   the value cannot be turned into bytes
    ├── InvalidArgument (ValueError)         an argument that no object could satisfy
    ├── InvalidName (ValueError)             not a name for an object
    ├── KindMismatch (TypeError)             the object is of another kind
    ├── LayoutMismatch (ValueError)          made by an incompatible build or machine
    ├── MissingDependency (ImportError)      an optional package is needed for this value
    ├── NoFreeSlot (RuntimeError)            every slot is held by a live writer, loan or view
    ├── NoResponse (LookupError)             the function gives no responses, or no call is waiting for one
    ├── NoServer (ConnectionRefusedError)    nobody serves the function
    ├── NoSpace (OSError)                    the memory could not be reserved
    ├── ObjectNotFound (FileNotFoundError)   no object of that name, or it was re-created
    ├── OwnershipLost (RuntimeError)         what was held is held by somebody else now
    ├── PeerDied (ConnectionError)           the process at the other side ended without closing
    ├── RemoteError (RuntimeError)           the function raised what cannot be raised here
    ├── SchemaMismatch (ValueError)          the object has another format than was asked for
    ├── SizeMismatch (ValueError)            the object has other sizes than were asked for
    ├── SystemFailure (OSError)              a system call failed
    ├── Timeout (TimeoutError)               the time was over first
    ├── TooManyParticipants (RuntimeError)   every place for an endpoint is taken by a live one
    ├── TooManyViews (RuntimeError)          this endpoint views as many versions as it may
    ├── UnsafeNamespace (PermissionError)    others could replace or change what is there
    ├── UnsafePickle (UnpicklingError)       a pickle that others could have written
    ├── UnsupportedNamespace (OSError)       the file system lacks what crash safety needs
    ├── ValueTooLarge (ValueError)           the value does not fit the object
    └── WouldDeadlock (RuntimeError)         the wait could never end
"""

from __future__ import annotations

# Not `pickle`: it takes a third of the time that importing memlane may take. They are the same classes.
from _pickle import PicklingError, UnpicklingError


class Error(Exception):
    """Base of all errors that memlane raises for reasons of its own."""


class AccessDenied(Error, PermissionError):
    """The namespace directory or the object does not let this user in."""


class CallCancelled(Error, RuntimeError):
    """The call was taken back before anybody had begun it."""


class Closed(Error, ValueError):
    """The endpoint was closed."""


class Corrupted(Error, ValueError):
    """The shared bytes contradict themselves, or their file was truncated."""


class Empty(Error, LookupError):
    """Nothing was ever written."""


class EncodingError(Error, PicklingError, TypeError):
    """The value cannot be turned into bytes."""


class InvalidArgument(Error, ValueError):
    """An argument that no object could satisfy."""


class InvalidName(Error, ValueError):
    """Not a name for an object."""


class KindMismatch(Error, TypeError):
    """The object of this name is of another kind."""


class LayoutMismatch(Error, ValueError):
    """The object was made by an incompatible build of memlane, or by another kind of machine."""


class MissingDependency(Error, ImportError):
    """An optional package is needed for this value."""


class NoFreeSlot(Error, RuntimeError):
    """Every slot is held by a live writer, loan or view."""


class NoResponse(Error, LookupError):
    """The function gives no responses, or there is no call whose response was not taken yet."""


class NoServer(Error, ConnectionRefusedError):
    """Nobody serves the function. The call was not executed, and will not be."""


class NoSpace(Error, OSError):
    """The memory could not be reserved; ``errno`` is ``ENOSPC``."""


class ObjectNotFound(Error, FileNotFoundError):
    """There is no object of that name, or it was re-created."""


class OwnershipLost(Error, RuntimeError):
    """What was held is held by somebody else now."""


class PeerDied(Error, ConnectionError):
    """The process at the other side ended without closing.

    Of a call: its server died while it executed the call, which may have had its effect.
    """


class RemoteError(Error, RuntimeError):
    """The function raised an exception that cannot be raised here with its own type."""

    def __init__(self, message: str, *, type_name: str = "", remote_traceback: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name
        """Of the exception, with its module."""
        self.remote_traceback = remote_traceback
        """As the other process would have printed it."""


class SchemaMismatch(Error, ValueError):
    """The object has another format than was asked for."""


class SizeMismatch(Error, ValueError):
    """The object has other sizes than were asked for."""


class SystemFailure(Error, OSError):
    """A system call failed; ``errno`` says how."""


class Timeout(Error, TimeoutError):
    """The time was over first."""

    maybe_executed: bool | None = None
    """Of a call that was given up: whether a server had begun it. None: it goes on, or it was no call."""


class TooManyParticipants(Error, RuntimeError):
    """Every place for an endpoint is taken by a live one."""


class TooManyViews(Error, RuntimeError):
    """This endpoint views as many versions as it may."""


class UnsafeNamespace(Error, PermissionError):
    """Others could replace or change what is there."""


class UnsafePickle(Error, UnpicklingError):
    """A pickle that others than this user could have written was not loaded."""


class UnsupportedNamespace(Error, OSError):
    """The file system lacks what crash safety needs."""


class ValueTooLarge(Error, ValueError):
    """The value does not fit the object."""


class WouldDeadlock(Error, RuntimeError):
    """The wait could never end: the thread would wait for itself."""

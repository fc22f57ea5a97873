"""What can go wrong, one class for each reaction that a caller can have.

::

Error:
    ├── AccessDenied (PermissionError)       the directory or object does not let this user in
    ├── AlreadyLocked (RuntimeError)         this thread would wait for itself
    ├── CallCancelled (RuntimeError)         the call was taken back, or who executed it was cancelled
    ├── Closed (ValueError)                  the endpoint was closed
    ├── Corrupted (ValueError)               the shared bytes contradict themselves, or were truncated
    ├── Empty (LookupError)                  nothing was ever written
    ├── EncodingError (PicklingError, TypeError)   the value cannot be turned into bytes
    ├── EndpointBusy (RuntimeError)          somebody alive has this part of the object already
    ├── InvalidArgument (ValueError)         an argument that no object could satisfy
    ├── InvalidName (ValueError)             not a name for an object
    ├── KindMismatch (TypeError)             the object is of another kind
    ├── LayoutMismatch (ValueError)          made by an incompatible build or machine
    ├── MissingDependency (ImportError)      an optional package is needed for this value
    ├── NoFreeSlot (RuntimeError)            every slot is held by a live writer, loan or view
    ├── NoResponse (LookupError)             the function gives no responses, or no call is waiting for one
    ├── NoServer (ConnectionRefusedError)    nobody serves the function
    ├── NoSpace (OSError)                    the memory could not be reserved
    ├── OOMError (MemoryError)               a write beyond the end of the memory that is there
    ├── ObjectNotFound (FileNotFoundError)   no object of that name, or it was re-created
    ├── OppositeEndClosedError (BrokenPipeError)   the other end of the channel was closed, or its owner died
    │   └── OppositeEndDiedError (PeerDied)  its owner died
    ├── OwnershipLost (RuntimeError)         what was held is held by somebody else now
    ├── ParameterTypeError (TypeError)       an argument of a type that no channel could take
    ├── PeerDied (ConnectionError)           the process at the other side ended without closing
    ├── ReadAccessError (PermissionError)    reading without the lock or the mode for it
    ├── RemoteError (RuntimeError)           the function raised what cannot be raised here
    ├── RuntimeBaseException                 of device data: says in ``context`` what it is about
    │   ├── DeviceBufferError (RuntimeError) a buffer, or a parameter of it, is not there or not valid
    │   ├── MessageError (ValueError)        bytes that are no message, or values that make none
    │   └── SyncError (RuntimeError)         a mutex could not be taken or given back; ``errno`` says why
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
    ├── WouldDeadlock (RuntimeError)         the wait could never end
    └── WriteAccessError (PermissionError)   writing without the lock or the mode for it

``OperationFailedError`` (RuntimeError), which programs of the old channel module catch, stands between ``Error`` and
``EndpointBusy``, ``NoSpace``, ``SystemFailure`` and ``TooManyParticipants``.
"""

from __future__ import annotations

# Not `pickle`: it takes a third of the time that importing memlane may take. They are the same classes.
from _pickle import PicklingError, UnpicklingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Error(Exception):
    """Base of all errors that memlane raises for reasons of its own."""


class OperationFailedError(Error, RuntimeError):
    """The system, or another program, was in the way of an operation that was asked for rightly."""


class AccessDenied(Error, PermissionError):
    """The namespace directory or the object does not let this user in."""


class AlreadyLocked(Error, RuntimeError):
    """This thread holds a lock of this endpoint, and would wait for itself."""


class CallCancelled(Error, RuntimeError):
    """The call was taken back before anybody had begun it; or the task that executed it was cancelled.

    In the second case it may have had its effect, and the message says so.
    """


class Closed(Error, ValueError):
    """The endpoint was closed."""


class Corrupted(Error, ValueError):
    """The shared bytes contradict themselves, or their file was truncated."""


class Empty(Error, LookupError):
    """Nothing was ever written."""


class EncodingError(Error, PicklingError, TypeError):
    """The value cannot be turned into bytes."""


class EndpointBusy(OperationFailedError):
    """Somebody alive has this part of the object already, or a part of this endpoint is in use."""


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


class NoSpace(OSError, OperationFailedError):  # in this order: OSError makes ``errno`` of the first argument
    """The memory could not be reserved; ``errno`` is ``ENOSPC``."""


class OOMError(Error, MemoryError):
    """A write beyond the end of the memory that is there; nothing was written."""


class ObjectNotFound(Error, FileNotFoundError):
    """There is no object of that name, or it was re-created."""


class PeerDied(Error, ConnectionError):
    """The process at the other side ended without closing.

    Of a call: its server died while it executed the call, which may have had its effect.
    """


class OppositeEndClosedError(Error, BrokenPipeError):
    """The other end of the channel was closed, or its owner died, and nothing is left to do without it."""

    written: int | None = None
    """Bytes that the write put in before; they stay for the next reader."""


class OppositeEndDiedError(OppositeEndClosedError, PeerDied):
    """The owner of the channel's other end died."""


class OwnershipLost(Error, RuntimeError):
    """What was held is held by somebody else now."""


class ReadAccessError(Error, PermissionError):
    """Reading without the lock, or the mode, that allows it."""


class ParameterTypeError(Error, TypeError):
    """An argument of a type that no channel could take."""


class RuntimeBaseException(Error):
    """Base of the errors of device data.

    Args:
        message: What was asked, what is there, and what to do.
        context: What it is about, by name.
    """

    def __init__(self, message: str, /, **context: Any) -> None:
        super().__init__(message)
        self.context = context

    def __repr__(self) -> str:
        arguments = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.context.items())]
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the context too; without it half of the error stays behind."""
        return type(self), self.args, {"context": self.context}


class DeviceBufferError(RuntimeBaseException, RuntimeError):
    """A buffer, or a parameter of it, is not there, not accessible or not valid."""


class MessageError(RuntimeBaseException, ValueError):
    """Bytes that are no message, or values that make none; ``context["code"]`` has the `ErrorCode`, if any."""


class NoResponse(Error, LookupError):
    """The function gives no responses, or there is no call whose response was not taken yet."""


class NoServer(Error, ConnectionRefusedError):
    """Nobody serves the function. The call was not executed, and will not be."""


class RemoteError(Error, RuntimeError):
    """The function raised an exception that cannot be raised here with its own type."""

    def __init__(self, message: str, *, type_name: str = "", remote_traceback: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name
        """Of the exception, with its module."""
        self.remote_traceback = remote_traceback
        """As the other process would have printed it."""


class SyncError(RuntimeBaseException, RuntimeError):
    """A mutex could not be taken or given back.

    Args:
        message: What was asked, what is there, and what to do.
        errno: Why, as a number of the module `errno`.
        context: What it is about, by name.
    """

    def __init__(self, message: str, errno: int, /, **context: Any) -> None:
        super().__init__(message, **context)
        self.errno = errno
        self.args = (message, errno)

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def suppress(cls, *errnos: int) -> _Suppressed:
        """Return a context manager that lets these numbers pass in silence, and all other errors through."""
        return _Suppressed(cls, errnos)


class SchemaMismatch(Error, ValueError):
    """The object has another format than was asked for."""


class SizeMismatch(Error, ValueError):
    """The object has other sizes than were asked for."""


class SystemFailure(OSError, OperationFailedError):  # in this order: OSError makes ``errno`` of the first argument
    """A system call failed; ``errno`` says how."""


class Timeout(Error, TimeoutError):
    """The time was over first."""

    written: int | None = None
    """Bytes that a channel's write put in before."""
    maybe_executed: bool | None = None
    """Of a call that was given up: whether a server had begun it. None: it goes on, or it was no call."""


class TooManyParticipants(OperationFailedError):
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


class WriteAccessError(Error, PermissionError):
    """Writing without the lock, or the mode, that allows it."""


class _Suppressed:
    """A block in which some numbers of a `SyncError` are no error."""

    def __init__(self, kind: type[SyncError], errnos: tuple[int, ...]) -> None:
        self._kind = kind
        self._errnos = errnos

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        return isinstance(error, self._kind) and error.errno in self._errnos

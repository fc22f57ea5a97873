# cython: freethreading_compatible=True
"""The one place where a status of the library becomes an exception."""

import errno

from memlane import errors
from memlane._native.library cimport (
    MEMLANE_ACCESS_DENIED,
    MEMLANE_ALREADY_LOCKED,
    MEMLANE_CANCELLED,
    MEMLANE_CLOSED,
    MEMLANE_CORRUPTED,
    MEMLANE_EMPTY,
    MEMLANE_END_CLOSED,
    MEMLANE_ENDPOINT_BUSY,
    MEMLANE_INVALID_ARGUMENT,
    MEMLANE_INVALID_NAME,
    MEMLANE_KIND_MISMATCH,
    MEMLANE_LAYOUT_MISMATCH,
    MEMLANE_NO_FREE_SLOT,
    MEMLANE_NO_MEMORY,
    MEMLANE_NO_SERVER,
    MEMLANE_NO_SPACE,
    MEMLANE_NOT_FOUND,
    MEMLANE_NOT_LOCKED,
    MEMLANE_OK,
    MEMLANE_OWNERSHIP_LOST,
    MEMLANE_PEER_DIED,
    MEMLANE_SCHEMA_MISMATCH,
    MEMLANE_SIZE_MISMATCH,
    MEMLANE_SYSTEM,
    MEMLANE_TIMEOUT,
    MEMLANE_TOO_MANY_PARTICIPANTS,
    MEMLANE_TOO_MANY_VIEWS,
    MEMLANE_UNSAFE_NAMESPACE,
    MEMLANE_UNSUPPORTED_NAMESPACE,
    MEMLANE_VALUE_TOO_LARGE,
    memlane_status_name,
)

# Class, and the errno of those that are an OSError (None: the system call's own).
cdef dict EXCEPTIONS = {
    MEMLANE_ACCESS_DENIED: (errors.AccessDenied, errno.EACCES),
    MEMLANE_ALREADY_LOCKED: (errors.AlreadyLocked,),
    MEMLANE_CANCELLED: (errors.CallCancelled,),
    MEMLANE_CLOSED: (errors.Closed,),
    MEMLANE_CORRUPTED: (errors.Corrupted,),
    MEMLANE_EMPTY: (errors.Empty,),
    MEMLANE_END_CLOSED: (errors.OppositeEndClosedError, errno.EPIPE),
    MEMLANE_ENDPOINT_BUSY: (errors.EndpointBusy,),
    MEMLANE_INVALID_ARGUMENT: (errors.InvalidArgument,),
    MEMLANE_INVALID_NAME: (errors.InvalidName,),
    MEMLANE_KIND_MISMATCH: (errors.KindMismatch,),
    MEMLANE_LAYOUT_MISMATCH: (errors.LayoutMismatch,),
    MEMLANE_NO_FREE_SLOT: (errors.NoFreeSlot,),
    MEMLANE_NO_MEMORY: (MemoryError,),
    MEMLANE_NO_SERVER: (errors.NoServer, errno.ECONNREFUSED),
    MEMLANE_NO_SPACE: (errors.NoSpace, errno.ENOSPC),
    MEMLANE_NOT_FOUND: (errors.ObjectNotFound, errno.ENOENT),
    MEMLANE_NOT_LOCKED: (errors.OwnershipLost,),
    MEMLANE_OWNERSHIP_LOST: (errors.OwnershipLost,),
    MEMLANE_PEER_DIED: (errors.PeerDied, errno.ECONNRESET),
    MEMLANE_SCHEMA_MISMATCH: (errors.SchemaMismatch,),
    MEMLANE_SIZE_MISMATCH: (errors.SizeMismatch,),
    MEMLANE_SYSTEM: (errors.SystemFailure, None),
    MEMLANE_TIMEOUT: (errors.Timeout, errno.ETIMEDOUT),
    MEMLANE_TOO_MANY_PARTICIPANTS: (errors.TooManyParticipants,),
    MEMLANE_TOO_MANY_VIEWS: (errors.TooManyViews,),
    MEMLANE_UNSAFE_NAMESPACE: (errors.UnsafeNamespace, errno.EPERM),
    MEMLANE_UNSUPPORTED_NAMESPACE: (errors.UnsupportedNamespace, errno.ENOTSUP),
    MEMLANE_VALUE_TOO_LARGE: (errors.ValueTooLarge,),
}


cdef int check(memlane_status status, const memlane_error* error) except -1:
    if status == MEMLANE_OK:
        return 0
    message = error.message.decode("utf-8", "replace")
    if status not in EXCEPTIONS:
        name = memlane_status_name(status).decode()
        raise SystemError(f"the library answered {name!r}, which it does not promise here: {message}")
    kind, *number = EXCEPTIONS[status]
    if not number:
        raise kind(message)
    raise kind(error.system_error if number[0] is None else number[0], message)

"""memlane: shared memory between the processes of one machine.

`HostVariable` is the latest value of a thing, readable and writable by every process of the host.
`UnsafeSharedMMap`, `SharedMMap` and `RWSharedMMap` are shared memory as a file or as bytes.
`open_channel` opens one end of a stream of bytes between two processes.
`HostFunctionCaller` calls functions of other processes, `HostFunctionDispatcher` serves them.
`SharedAssign` is assignment between two processes, `NumpyShare` the one for arrays.
`memlane.buffer` has typed records of devices, with transactions; `memlane.devices` fills them.
"""

TYPE_CHECKING = False  # importing `typing` takes longer than all else that happens here
if TYPE_CHECKING:
    from memlane.channel import (
        CHAN_R,
        CHAN_W,
        LOG_ALL,
        LOG_BASIC,
        LOG_DISABLE,
        Channel,
        ChannelStatistics,
        ChannelStatus,
        SmipcError,
        clean_library,
        init_library,
        open_channel,
    )
    from memlane.codec.fields import Field
    from memlane.errors import (
        AccessDenied,
        AlreadyLocked,
        CallCancelled,
        Closed,
        Corrupted,
        DeviceBufferError,
        Empty,
        EncodingError,
        EndpointBusy,
        Error,
        InvalidArgument,
        InvalidName,
        KindMismatch,
        LayoutMismatch,
        MessageError,
        MissingDependency,
        NoFreeSlot,
        NoResponse,
        NoServer,
        NoSpace,
        ObjectNotFound,
        OOMError,
        OperationFailedError,
        OppositeEndClosedError,
        OppositeEndDiedError,
        OwnershipLost,
        ParameterTypeError,
        PeerDied,
        ReadAccessError,
        RemoteError,
        RuntimeBaseException,
        SchemaMismatch,
        SizeMismatch,
        SyncError,
        SystemFailure,
        Timeout,
        TooManyParticipants,
        TooManyViews,
        UnsafeNamespace,
        UnsafePickle,
        UnsupportedNamespace,
        ValueTooLarge,
        WouldDeadlock,
        WriteAccessError,
    )
    from memlane.function import (
        FunctionStatistics,
        HostFunctionCaller,
        HostFunctionDispatcher,
        PendingCall,
        RemoteTraceback,
    )
    from memlane.map import MapStatistics, RWSharedMMap, SharedMMap, UnsafeSharedMMap
    from memlane.namespace import collect, unlink
    from memlane.readings import Reading, VariableStatistics
    from memlane.share import NumpyShare, SharedAssign, ShareStatistics
    from memlane.variable import HostVariable
    from memlane.version import __version__
    from memlane.waiting import wait

__all__ = [
    "CHAN_R",
    "CHAN_W",
    "LOG_ALL",
    "LOG_BASIC",
    "LOG_DISABLE",
    "AccessDenied",
    "AlreadyLocked",
    "CallCancelled",
    "Channel",
    "ChannelStatistics",
    "ChannelStatus",
    "Closed",
    "Corrupted",
    "DeviceBufferError",
    "Empty",
    "EncodingError",
    "EndpointBusy",
    "Error",
    "Field",
    "FunctionStatistics",
    "HostFunctionCaller",
    "HostFunctionDispatcher",
    "HostVariable",
    "InvalidArgument",
    "InvalidName",
    "KindMismatch",
    "LayoutMismatch",
    "MapStatistics",
    "MessageError",
    "MissingDependency",
    "NoFreeSlot",
    "NoResponse",
    "NoServer",
    "NoSpace",
    "NumpyShare",
    "OOMError",
    "ObjectNotFound",
    "OperationFailedError",
    "OppositeEndClosedError",
    "OppositeEndDiedError",
    "OwnershipLost",
    "ParameterTypeError",
    "PeerDied",
    "PendingCall",
    "RWSharedMMap",
    "ReadAccessError",
    "Reading",
    "RemoteError",
    "RemoteTraceback",
    "RuntimeBaseException",
    "SchemaMismatch",
    "ShareStatistics",
    "SharedAssign",
    "SharedMMap",
    "SizeMismatch",
    "SmipcError",
    "SyncError",
    "SystemFailure",
    "Timeout",
    "TooManyParticipants",
    "TooManyViews",
    "UnsafeNamespace",
    "UnsafePickle",
    "UnsafeSharedMMap",
    "UnsupportedNamespace",
    "ValueTooLarge",
    "VariableStatistics",
    "WouldDeadlock",
    "WriteAccessError",
    "__version__",
    "clean_library",
    "collect",
    "init_library",
    "open_channel",
    "unlink",
    "wait",
]

# What a program does not use costs it nothing: a module is imported when one of its names is first asked for.
_CAPABILITIES = {
    "memlane.channel": (
        "CHAN_R",
        "CHAN_W",
        "LOG_ALL",
        "LOG_BASIC",
        "LOG_DISABLE",
        "Channel",
        "ChannelStatistics",
        "ChannelStatus",
        "SmipcError",
        "clean_library",
        "init_library",
        "open_channel",
    ),
    "memlane.codec.fields": ("Field",),
    "memlane.function": (
        "FunctionStatistics",
        "HostFunctionCaller",
        "HostFunctionDispatcher",
        "PendingCall",
        "RemoteTraceback",
    ),
    "memlane.map": ("MapStatistics", "RWSharedMMap", "SharedMMap", "UnsafeSharedMMap"),
    "memlane.namespace": ("collect", "unlink"),
    "memlane.readings": ("Reading", "VariableStatistics"),
    "memlane.share": ("NumpyShare", "SharedAssign", "ShareStatistics"),
    "memlane.variable": ("HostVariable",),
    "memlane.version": ("__version__",),
    "memlane.waiting": ("wait",),
}
_HOME_OF = {name: home for home, names in _CAPABILITIES.items() for name in names}


if not TYPE_CHECKING:  # a type checker that sees it takes every name for one of ours

    def __getattr__(name: str) -> object:
        """Import a public name from its module, once: from then on it is a plain attribute."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = __import__(_HOME_OF.get(name, "memlane.errors"), fromlist=(name,))
        item = globals()[name] = getattr(home, name)
        return item


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

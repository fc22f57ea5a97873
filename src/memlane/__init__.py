"""memlane: shared memory between the processes of one machine.

`HostVariable` is the latest value of a thing, readable and writable by every process of the host.
"""

TYPE_CHECKING = False  # importing `typing` takes longer than all else that happens here
if TYPE_CHECKING:
    from memlane.codec.fields import Field
    from memlane.errors import (
        AccessDenied,
        Closed,
        Corrupted,
        Empty,
        EncodingError,
        Error,
        InvalidArgument,
        InvalidName,
        KindMismatch,
        LayoutMismatch,
        MissingDependency,
        NoFreeSlot,
        NoSpace,
        ObjectNotFound,
        OwnershipLost,
        SchemaMismatch,
        SizeMismatch,
        SystemFailure,
        Timeout,
        TooManyParticipants,
        TooManyViews,
        UnsafeNamespace,
        UnsafePickle,
        UnsupportedNamespace,
        ValueTooLarge,
    )
    from memlane.namespace import collect, unlink
    from memlane.readings import Reading, VariableStatistics
    from memlane.variable import HostVariable
    from memlane.waiting import wait

__all__ = [
    "AccessDenied",
    "Closed",
    "Corrupted",
    "Empty",
    "EncodingError",
    "Error",
    "Field",
    "HostVariable",
    "InvalidArgument",
    "InvalidName",
    "KindMismatch",
    "LayoutMismatch",
    "MissingDependency",
    "NoFreeSlot",
    "NoSpace",
    "ObjectNotFound",
    "OwnershipLost",
    "Reading",
    "SchemaMismatch",
    "SizeMismatch",
    "SystemFailure",
    "Timeout",
    "TooManyParticipants",
    "TooManyViews",
    "UnsafeNamespace",
    "UnsafePickle",
    "UnsupportedNamespace",
    "ValueTooLarge",
    "VariableStatistics",
    "collect",
    "unlink",
    "wait",
]

# What a program does not use costs it nothing: a module is imported when one of its names is first asked for.
_CAPABILITIES = {
    "memlane.codec.fields": ("Field",),
    "memlane.namespace": ("collect", "unlink"),
    "memlane.readings": ("Reading", "VariableStatistics"),
    "memlane.variable": ("HostVariable",),
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

"""What a variable tells about its values and itself. Imported when it is first asked."""

from __future__ import annotations

from typing import Any, NamedTuple


class Reading(NamedTuple):
    """A value and the write that it came from."""

    value: Any
    version: int
    """The number of the write."""
    timestamp: float
    """When it was written: seconds since the epoch, by the wall clock."""


class VariableStatistics(NamedTuple):
    """What happened to a variable, summed over all endpoints that ever were, and what is at this moment."""

    writes: int
    reads: int
    bytes_written: int
    bytes_read: int
    superseded: int
    """Writes that came to an end after newer ones, 16 times in a row: as if written just before them."""
    skipped: int
    """Versions that `HostVariable.updates` passed over."""
    retries: int
    """Reads that began anew because a writer had taken the slot."""
    recovered: int
    """Slots that writers took back from dead ones."""
    version: int
    live_participants: int
    """Open endpoints of live processes."""
    slots_writing: int
    """Slots that are being written or loaned."""
    slots_pinned: int
    """Slots that views keep as they are."""
    is_current: bool
    """Whether the name still leads to this object."""

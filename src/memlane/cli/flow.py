"""How fast things go into an object and out of it, whatever its kind calls that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memlane.inspect import Rates

_IN = ("writes", "puts", "calls", "write_locks")
_OUT = ("reads", "gets", "served", "read_locks")
_BYTES_IN = ("bytes_written", "bytes_put")
_BYTES_OUT = ("bytes_read", "bytes_got")


class Flow(NamedTuple):
    """Each by the second; None: its kind does not count that, or it was not there at the last look."""

    into: float | None
    out: float | None
    bytes_into: float | None
    bytes_out: float | None
    skips: float | None
    latency: float | None
    """Of the calls served: mean seconds from call to response."""


def flow(rates: Rates | None) -> Flow:
    """Return the flow that an object's rates are."""
    per_second = rates.per_second if rates else {}
    return Flow(
        into=_first(per_second, _IN),
        out=_first(per_second, _OUT),
        bytes_into=_first(per_second, _BYTES_IN),
        bytes_out=_first(per_second, _BYTES_OUT),
        skips=per_second.get("skipped"),
        latency=rates.latency if rates else None,
    )


def _first(per_second: Mapping[str, float], names: Sequence[str]) -> float | None:
    return next((per_second[name] for name in names if name in per_second), None)

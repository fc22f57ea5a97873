"""The counters of all objects of a namespace, for Prometheus: needs ``memlane[metrics]``.

A `Collector` looks whenever it is asked, as `memlane.inspect` does: nothing is taken, and the programs that use the
objects notice nothing. ``docs/how-to/monitor-with-prometheus.md`` lists what there is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, final

from memlane import inspect
from memlane.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["Collector"]

_NANOSECONDS = 1e9
_OBJECT = ("name", "kind")


class _Counter(NamedTuple):
    """One counter, by the names that `memlane.inspect` gives it in the kinds that count it."""

    name: str
    help: str
    sources: tuple[str, ...]


_COUNTERS = (
    _Counter("memlane_writes", "Values written or put, pieces written to a channel, locks taken to write.",
             ("writes", "puts", "write_locks")),
    _Counter("memlane_reads", "Values read or taken, pieces read from a channel, locks taken to read.",
             ("reads", "gets", "read_locks")),
    _Counter("memlane_written_bytes", "Bytes written.", ("bytes_written", "bytes_put")),
    _Counter("memlane_read_bytes", "Bytes read.", ("bytes_read", "bytes_got")),
    _Counter("memlane_superseded", "Writes that came to an end after newer ones.", ("superseded",)),
    _Counter("memlane_skipped", "Versions that readers passed over.", ("skipped",)),
    _Counter("memlane_retries", "Reads that began anew because a writer was faster.", ("retries",)),
    _Counter("memlane_waits", "How often an end of a channel had to sleep.", ("waits",)),
    _Counter("memlane_recovered", "Things taken back from dead processes.", ("recovered",)),
    _Counter("memlane_calls", "Calls made.", ("calls",)),
    _Counter("memlane_calls_failed", "Calls that ended with an error.", ("errors",)),
    _Counter("memlane_calls_withdrawn", "Calls cancelled, timed out, or served by nobody.", ("withdrawn",)),
    _Counter("memlane_calls_abandoned", "Calls whose caller no longer waited.", ("abandoned",)),
    _Counter("memlane_calls_orphaned", "Calls whose server died in them.", ("orphaned",)),
    _Counter("memlane_responses_dropped", "Responses that nobody collected.", ("dropped",)),
)  # fmt: skip


class _Gauge(NamedTuple):
    """One value of an object at this moment; None: its kind has none."""

    name: str
    help: str
    value: Callable[[inspect.Object], float | None]


_GAUGES = (
    _Gauge("memlane_object_size_bytes", "Bytes of the object's file.", lambda item: item.size),
    _Gauge("memlane_object_allocated_bytes", "Bytes of memory behind it.", lambda item: item.allocated),
    _Gauge("memlane_object_created_timestamp_seconds", "When it was made.", lambda item: item.created),
    _Gauge("memlane_object_places", "Endpoints that can be open at once.", lambda item: item.places),
    _Gauge("memlane_written_timestamp_seconds", "When the latest value was written.", lambda item: item.written),
    _Gauge("memlane_value_size_bytes", "Bytes of the latest value.", lambda item: item.value_size),
    _Gauge("memlane_channel_filled_bytes", "Bytes that wait to be read.", lambda item: item.filled),
    _Gauge("memlane_channel_capacity_bytes", "Bytes that the channel can hold.",
           lambda item: item.limits["chanSz"] if item.kind == "channel" else None),
    _Gauge("memlane_share_untaken", "1 while a share's value waits to be taken.", lambda item: item.untaken),
    _Gauge("memlane_lock_recovering", "1 from the death of a lock's owner until the next one comes.",
           lambda item: item.recovering if item.kind in ("buffer", "map") else None),
)  # fmt: skip


class _Split(NamedTuple):
    """Values of an object at this moment that differ by one more label."""

    name: str
    help: str
    label: str
    values: Callable[[inspect.Object], dict[str, int | None]]


_SPLITS = (
    _Split("memlane_participants", "Open endpoints, and those whose process died and that nobody cleaned up yet.",
           "state", lambda item: {"alive": len(item.alive), "dead": len(item.dead)}),
    _Split("memlane_slots_held", "Slots that are being filled, or kept by views.",
           "state", lambda item: {"writing": item.slots_writing, "viewed": item.slots_viewed}),
    _Split("memlane_calls_open", "Calls that nobody has begun, that are executed, and whose response waits.", "state",
           lambda item: {"waiting": item.calls_waiting, "running": item.calls_running, "done": item.calls_done}),
)  # fmt: skip


@final
class Collector:
    """A collector to register with a ``prometheus_client.CollectorRegistry``.

    Every label is a name or a kind of an object, or a state: what one object adds is bounded, and so is how many
    objects are told of.

    Args:
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        limit: Objects that are told of, in the order of their names; how many are not is a metric too.

    Raises:
        MissingDependency: ``memlane[metrics]`` is not installed.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, limit: int = 1000) -> None:
        try:
            from prometheus_client import core  # noqa: PLC0415  (of the extra)
        except ImportError as error:
            raise MissingDependency("metrics need prometheus-client: pip install 'memlane[metrics]'") from error
        if limit < 1:
            raise ValueError(f"limit={limit!r} is not a number from 1 up")
        self._core: Any = core
        self._directory = directory
        self._limit = limit

    def describe(self) -> list[Any]:
        """Name the metrics without looking at anything: a registry asks when the collector is registered."""
        return list(self._metrics([], 0, []))

    def collect(self) -> Iterator[Any]:
        """Look at everything now."""
        found = inspect.objects(self._directory)
        sound = [item for item in found if isinstance(item, inspect.Object)]
        told = sound[: self._limit]
        yield from self._metrics(told, len(sound) - len(told), found)

    def _metrics(
        self, told: Sequence[inspect.Object], left_out: int, found: Sequence[inspect.Object | inspect.Damaged]
    ) -> Iterator[Any]:
        for counter in _COUNTERS:
            yield self._counter(counter, told)
        yield self._durations(told)
        for gauge in _GAUGES:
            yield self._gauge(gauge, told)
        for split in _SPLITS:
            yield self._split(split, told)
        yield from self._namespace(left_out, found)

    def _counter(self, counter: _Counter, told: Iterable[inspect.Object]) -> Any:
        family = self._core.CounterMetricFamily(counter.name, counter.help, labels=_OBJECT)
        for item in told:
            for source in counter.sources:
                if source in item.counters:
                    family.add_metric((item.name, item.kind), item.counters[source])
        return family

    def _durations(self, told: Iterable[inspect.Object]) -> Any:
        family = self._core.SummaryMetricFamily(
            "memlane_call_duration_seconds", "From a call to its response.", labels=_OBJECT
        )
        for item in told:
            if item.kind == "function":
                served, seconds = item.counters["served"], item.counters["latency_ns"] / _NANOSECONDS
                family.add_metric((item.name, item.kind), served, seconds)
        return family

    def _gauge(self, gauge: _Gauge, told: Iterable[inspect.Object]) -> Any:
        family = self._core.GaugeMetricFamily(gauge.name, gauge.help, labels=_OBJECT)
        for item in told:
            value = gauge.value(item)
            if value is not None:
                family.add_metric((item.name, item.kind), value)
        return family

    def _split(self, split: _Split, told: Iterable[inspect.Object]) -> Any:
        family = self._core.GaugeMetricFamily(split.name, split.help, labels=(*_OBJECT, split.label))
        for item in told:
            for word, value in split.values(item).items():
                if value is not None:
                    family.add_metric((item.name, item.kind, word), value)
        return family

    def _namespace(self, left_out: int, found: Sequence[inspect.Object | inspect.Damaged]) -> Iterator[Any]:
        """Tell of the namespace as a whole."""
        gauge = self._core.GaugeMetricFamily
        kinds = gauge("memlane_objects", "Objects, by kind; damaged ones are a kind of their own.", labels=("kind",))
        present = [item.kind for item in found]
        for kind in sorted(set(present)):
            kinds.add_metric((kind,), present.count(kind))
        yield kinds
        yield gauge("memlane_objects_left_out", "Objects that are not told of: there are too many.", value=left_out)
        size, free = self._space()
        yield gauge("memlane_namespace_size_bytes", "Of the file system on which the objects lie.", value=size)
        yield gauge("memlane_namespace_free_bytes", "Of that, what is free.", value=free)

    def _space(self) -> tuple[int, int]:
        """Return size and free bytes of the file system; a namespace that was never made lies on none."""
        try:
            found = os.statvfs(inspect.directory_path(self._directory))
        except FileNotFoundError:
            return 0, 0
        return found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail

"""Two recordings, one of a replay of the other: values, order and times."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memlane.recording.recording import Recording

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from memlane.recording.description import Description
    from memlane.recording.sample import Sample

_RECORD_HEAD = 8  # docs/format/buffer.md: who made the record valid is another one in each replay


@dataclass
class Comparison:
    """How an object of the second recording compares with that of the first."""

    name: str
    kind: str
    same: int = 0
    """Values that are the same ones in the same order; of a channel bytes."""
    different: int = 0
    unseen: int = 0
    """Those that only the first recording has: they passed the second recorder, or were not replayed."""
    described_alike: bool = True
    late_ns: list[int] = field(default_factory=list, repr=False)
    """How much later than expected each one came, against the middle of all of them."""

    @property
    def is_same(self) -> bool:
        """Whether nothing that both have differs; and of what the first one has, the second has something."""
        return self.described_alike and not self.different and bool(self.same or not self.unseen)

    def late_at(self, part: float) -> float | None:
        """Return the seconds by which this *part* of the values was early or late at most; None: there are none."""
        return late_at([self], part)


def late_at(comparisons: Iterable[Comparison], part: float) -> float | None:
    """Return the same of the values of several objects together."""
    deviations = sorted(abs(late) for comparison in comparisons for late in comparison.late_ns)
    if not deviations:
        return None
    return deviations[min(int(part * len(deviations)), len(deviations) - 1)] / 1e9


def compare(
    first: str | os.PathLike[str], second: str | os.PathLike[str], names: Sequence[str] = ()
) -> list[Comparison]:
    """Compare the recording of a replay with what was replayed.

    Objects are paired by name, values by their number since the replay began, bytes by their place in the stream. Times
    count from the beginning of each recording, and what all of them are late by is left out.

    Args:
        first: What was replayed.
        second: What was recorded of the replay, by a recorder that was there before.
        names: Names or patterns of the objects. Default: all.
    """
    originals, copies = _gathered(first, names), _gathered(second, names)
    made = [_compared(track, copies.get(name)) for name, track in originals.items()]
    late = sorted(deviation for comparison in made for deviation in comparison.late_ns)
    middle = late[len(late) // 2] if late else 0
    for comparison in made:
        comparison.late_ns = [deviation - middle for deviation in comparison.late_ns]
    return made


@dataclass
class _Track:
    """All that was seen under one name; of values the payload is a digest."""

    description: Description
    samples: list[Sample] = field(default_factory=list)


def _gathered(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, _Track]:
    tracks: dict[str, _Track] = {}
    for description, sample in Recording(path).samples(names):
        track = tracks.setdefault(description.name, _Track(description))
        track.samples.append(sample if description.kind == "channel" else _digested(description, sample))
    return tracks


def _digested(description: Description, sample: Sample) -> Sample:
    told = sample.payload[_RECORD_HEAD:] if description.kind == "buffer" else sample.payload
    return sample._replace(payload=hashlib.blake2b(told, digest_size=16).digest())


def _compared(original: _Track, copy: _Track | None) -> Comparison:
    description = original.description
    comparison = Comparison(description.name, description.kind)
    is_channel = description.kind == "channel"
    if copy is None:
        comparison.unseen = sum(len(sample.payload) if is_channel else 1 for sample in original.samples)
        return comparison
    comparison.described_alike = description.is_like(copy.description)
    if is_channel:
        _compare_bytes(comparison, original.samples, copy.samples)
    else:
        _compare_values(comparison, original.samples, copy.samples)
    return comparison


def _compare_values(comparison: Comparison, originals: list[Sample], copies: list[Sample]) -> None:
    place = -1
    for copy in copies:
        place += 1 + copy.missed
        original = originals[place] if place < len(originals) else None
        if original is None or (original.mark, original.payload) != (copy.mark, copy.payload):
            comparison.different += 1
            continue
        comparison.same += 1
        comparison.late_ns.append(copy.log_time - original.log_time)
    comparison.unseen = max(len(originals) - comparison.same - comparison.different, 0)


def _compare_bytes(comparison: Comparison, originals: list[Sample], copies: list[Sample]) -> None:
    """Compare the streams. A byte's time is that of the look which saw it, and each recorder looked at other times."""
    whole = b"".join(sample.payload for sample in originals)
    ends, times, end = [], [], 0
    for original in originals:
        if not original.payload:
            continue  # it tells of missed bytes alone
        end += len(original.payload)
        ends.append(end)
        times.append(original.log_time)
    begin = copies[0].number - copies[0].missed
    for copy in copies:
        start, end = copy.number - begin, copy.number - begin + len(copy.payload)
        there = whole[start:end]
        same = sum(left == right for left, right in zip(there, copy.payload, strict=False))
        comparison.same += same
        comparison.different += len(copy.payload) - same
        ended = times[bisect_right(ends, start) : bisect_right(ends, end)]
        comparison.late_ns += [copy.log_time - when for when in ended]
    comparison.unseen = max(len(whole) - comparison.same - comparison.different, 0)

"""Time the plain codec against pickle: nanoseconds for one encoding and one decoding, and their ratios.

    python benchmarks/codec_plain.py [--rounds 15] [value ...]

The codec is timed as the binding calls it, in a loop in C; pickle as Python programs call it, less the loop. Time is
that of the processor, the rounds of all contenders are interleaved, and the median round counts. Absolute times belong
to this machine and this hour: the ratios are what can be compared.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memlane.codec import plain

if TYPE_CHECKING:
    from collections.abc import Callable

ROUND_SECONDS = 0.02
POSE = {"x": 1.5, "y": -2.5, "z": 3.5, "roll": 0.1, "yaw": 0.2}
VALUES: dict[str, object] = {
    "None": None,
    "int": 123_456,
    "float": 1.5,
    "text": "hello world",
    "tuple of 5 floats": tuple(POSE.values()),
    "dict of 5 floats": POSE,
    "list of 1,000 ints": list(range(1000)),
    "100 records": [{"id": number, "name": f"robot {number}", "pose": dict(POSE)} for number in range(100)],
    "bytes, 1 MiB": bytes(1 << 20),
    "array of 10 float64": np.arange(10.0),
    "array of 1,000 x 1,000 float32": np.ones((1000, 1000), np.float32),
    "point cloud of 1,000": np.ones(1000, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("rgb", "u4")]),
    "dict with time and image": {"time": 1.5, "image": np.ones((480, 640, 3), np.uint8)},
}


class Contender(NamedTuple):
    """Something that does its work so many times."""

    repeat: Callable[[int], object]
    times: int


def repeated(work: Callable[[], object]) -> Callable[[int], object]:
    """Make a Python loop of a call."""

    def repeat(times: int) -> None:
        for _ in range(times):
            work()

    return repeat


def nothing() -> None:
    """Take the time of a loop and a call."""


def nanoseconds(contender: Contender) -> float:
    """Time one round, for one repetition."""
    start = time.thread_time_ns()
    contender.repeat(contender.times)
    return (time.thread_time_ns() - start) / contender.times


def prepared(repeat: Callable[[int], object]) -> Contender:
    """Find out how often a round repeats."""
    times = 1
    while nanoseconds(Contender(repeat, times)) * times < ROUND_SECONDS * 1e9:
        times *= 2
    return Contender(repeat, times)


def medians(contenders: list[Contender], rounds: int) -> list[float]:
    """Time the contenders in turn."""
    samples = [[nanoseconds(contender) for contender in contenders] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*samples, strict=True)]


def contenders_for(value: Any) -> list[Contender]:
    """Prepare the codec and pickle for a value, and an empty loop."""
    encoded = plain.dumps(value)
    if encoded is None:
        raise SystemExit(f"{value!r} is not plain: it would be pickled")
    content_type, payload = encoded
    pickled = pickle.dumps(value, 5)
    return [
        prepared(lambda times: plain.repeat_encode(value, len(payload), times)),
        prepared(lambda times: plain.repeat_decode(content_type, payload, times)),
        prepared(repeated(lambda: pickle.dumps(value, 5))),
        prepared(repeated(lambda: pickle.loads(pickled))),  # noqa: S301  (our own)
        prepared(repeated(nothing)),
    ]


def row(name: str, value: object, rounds: int) -> str:
    """Measure a value."""
    encode, decode, dump, load, loop = medians(contenders_for(value), rounds)
    dump, load = dump - loop, load - loop
    encoded = plain.dumps(value) or (0, b"")
    sizes = f"{len(encoded[1]):>9} {len(pickle.dumps(value, 5)):>9}"
    times = f"{encode:>9.0f} {decode:>9.0f} {dump:>9.0f} {load:>9.0f}"
    return f"{name:<31} {sizes} {times} {dump / encode:>7.1f} {load / decode:>7.1f}"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("values", nargs="*", metavar="value", help=f"of {', '.join(VALUES)}; default all")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    unknown = set(arguments.values) - set(VALUES)
    if unknown:
        parser.error(f"no value is called {', '.join(sorted(unknown))}: there are {', '.join(VALUES)}")
    print(f"{'':<31} {'bytes':>9} {'pickle':>9} {'encode':>9} {'decode':>9} {'dumps':>9} {'loads':>9} {'ratios':>15}")
    for name in arguments.values or VALUES:
        print(row(name, VALUES[name], arguments.rounds))


if __name__ == "__main__":
    main()

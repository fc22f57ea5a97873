"""S3 and S3b: float32 arrays of 1 MiB and 5 MiB from one process to another, copied and in place."""

from __future__ import annotations

import time
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.scenarios.messages import percentile
from benchmarks.scenarios.rows import Figures, Row, idle
from benchmarks.ways import FLOATS_PER_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.ways import Arrays, Loans, Over

MIB = 1 << 20
LAST = -1.0
RATE = "thousand/s"


def trip_figures(found: list[float]) -> Figures:
    """Return what one way takes, of there-and-back times."""
    median, late = (percentile(found, share) / 2 * 1e6 for share in (0.5, 0.99))
    return {"seconds": sum(found), "value": median, "p99": late}


# -- copied ---------------------------------------------------------------------------------------------------------


def random_array(size: int, seed: int) -> Any:
    """Return an array; each process makes the same one."""
    import numpy as np  # noqa: PLC0415

    return np.random.default_rng(seed).random(size // 4, np.float32)


def give_random(size: int, end: Arrays, _count: int, _over: Over) -> int:
    """Give an array; return the checksum of what comes back."""
    end.give(random_array(size, 1))
    return zlib.crc32(end.take())


def return_random(size: int, end: Arrays, _count: int, _over: Over) -> int:
    """Give back what came; return the checksum of what was sent."""
    end.give(end.take())
    return zlib.crc32(random_array(size, 1))


def trip(size: int, end: Arrays, count: int, _over: Over) -> Figures:
    """Give an array, take the answer; the first number of each is its own, and the last."""
    array, found = random_array(size, 2), []
    for number in range(count):
        array[0] = array[-1] = number
        begin = time.perf_counter()
        end.give(array)
        answer = end.take()
        found.append(time.perf_counter() - begin)
        if not answer[0] == answer[-1] == number:
            raise AssertionError("another array came back")
    return trip_figures(found)


def answer_trips(end: Arrays, count: int, _over: Over) -> None:
    """Give back what comes."""
    for _ in range(count):
        end.give(end.take())


def give_all(size: int, end: Arrays, count: int, _over: Over) -> None:
    """Give one array after another, without waiting for who takes them."""
    array = random_array(size, 3)
    for number in range(count):
        array[0] = LAST if number == count - 1 else number
        end.give(array)


def take_all(end: Arrays, _count: int, _over: Over) -> Figures:
    """Take until the last one: a share gives the newest, others all; what counts is what arrives."""
    return transfers(lambda: float(end.take()[0]))


def transfers(take: Callable[[], float]) -> Figures:
    """Count what is taken until the last one."""
    taken, last = 0, take()
    begin = time.perf_counter()
    while last != LAST:
        last = take()
        taken += 1
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "value": taken / max(seconds, 1e-9) / 1e3}


# -- one process ----------------------------------------------------------------------------------------------------


def copy_in_and_out(size: int, end: Arrays, count: int, _over: Over) -> Figures:
    """Give and take within one process."""
    array = random_array(size, 4)
    begin = time.perf_counter()
    for _ in range(count):
        end.give(array)
        found = end.take()
    seconds = time.perf_counter() - begin
    if zlib.crc32(found) != zlib.crc32(array):
        raise AssertionError("another array came")
    return {"seconds": seconds, "value": seconds / count * 1e6}


# -- in place -------------------------------------------------------------------------------------------------------


def total(size: int, number: float) -> float:
    """Return what the pages of an array add up to."""
    return number * -(-(size // 4) // FLOATS_PER_PAGE)


def trip_in_place(size: int, end: Loans, count: int, _over: Over) -> Figures:
    """Write a number to each page, and add up the answer's."""
    found = []
    for number in range(1, count + 1):
        begin = time.perf_counter()
        end.give(number % 100)
        came = end.take()
        found.append(time.perf_counter() - begin)
        if came != total(size, number % 100):
            raise AssertionError("another array came back")
    return trip_figures(found)


def answer_in_place(size: int, end: Loans, count: int, _over: Over) -> None:
    """Write the numbers that come to an array of one's own."""
    pages = total(size, 1)
    for _ in range(count):
        end.give(end.take() / pages)


def give_all_in_place(end: Loans, count: int, _over: Over) -> None:
    """Give one array after another."""
    for number in range(count):
        end.give(LAST if number == count - 1 else number % 100)


def take_all_in_place(size: int, end: Loans, _count: int, _over: Over) -> Figures:
    """Take until the last one."""
    pages = total(size, 1)
    return transfers(lambda: end.take() / pages)


def rows(size: int) -> list[Row]:
    """Return the rows of a size."""
    text, options = f"{size // MIB} MiB", {"size": size}
    check = partial(give_random, size), partial(return_random, size)
    streamed = partial(give_all, size), take_all
    streamed_in_place = give_all_in_place, partial(take_all_in_place, size)
    trips_in_place = partial(trip_in_place, size), partial(answer_in_place, size)
    return [
        Row("S3", f"{text} copied, one way", "us", "arrays", (partial(trip, size), answer_trips), 0, check, options),
        Row("S3", f"{text} copied, rate", RATE, "arrays", streamed, 1, None, options, more_is_better=True),
        Row(
            "S3",
            f"{text} copied in and out, one process",
            "us",
            "copies",
            (partial(copy_in_and_out, size), idle),
            0,
            None,
            options,
        ),
        Row("S3b", f"{text} in place, one way", "us", "loans", trips_in_place, 0, None, options),
        Row("S3b", f"{text} in place, rate", RATE, "loans", streamed_in_place, 1, None, options, more_is_better=True),
    ]


ROWS = (*rows(MIB), *rows(5 * MIB))

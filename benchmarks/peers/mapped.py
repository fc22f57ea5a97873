"""Arrays over memory that both ends map, and two semaphores each way: whoever dies blocks the other for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.ways import FLOATS_PER_PAGE, Arrays, Loans

if TYPE_CHECKING:
    from collections.abc import Callable


class Place(NamedTuple):
    """An array of one direction, and who may use it."""

    array: Any
    empty: Any
    full: Any


def copying(out: Place, into: Place) -> Arrays:
    """Copy in and out."""
    return Arrays(giver(out, lambda array: out.array.__setitem__(slice(None), array)), taker(into, into.array.copy))


def in_place(out: Place, into: Place) -> Loans:
    """Write and read where it lies."""
    written, read = out.array[::FLOATS_PER_PAGE], into.array[::FLOATS_PER_PAGE]
    return Loans(giver(out, written.fill), taker(into, lambda: float(read.sum())))


def giver(place: Place, write: Callable[[Any], object]) -> Callable[[Any], None]:
    """Write while it is empty."""
    acquire, release = place.empty.acquire, place.full.release

    def give(what: Any) -> None:
        acquire()
        write(what)
        release()

    return give


def taker(place: Place, read: Callable[[], Any]) -> Callable[[], Any]:
    """Read while it is full."""
    acquire, release = place.full.acquire, place.empty.release

    def take() -> Any:
        acquire()
        found = read()
        release()
        return found

    return take

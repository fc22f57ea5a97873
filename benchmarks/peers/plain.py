"""What no synchronisation costs: copies into a shared mapping and out of it, in one process. They tear."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import Arrays

if TYPE_CHECKING:
    from collections.abc import Iterator


class OnePlace:
    """Through one place, which stays in the caches."""

    places = 1

    def __init__(self, address: str, size: int) -> None:
        self.address = address
        self.size = size

    def mapped(self, place: int) -> tuple[Any, Any]:
        """Return the same shared memory twice, as a writer and as a reader have it."""
        import numpy as np  # noqa: PLC0415

        with open(f"{self.address}/place-{place}", "w+b") as file:
            file.write(bytes(self.size))
            file.flush()
            written, read = (np.frombuffer(mmap.mmap(file.fileno(), self.size), "f4") for _ in range(2))
        return written, read

    @contextmanager
    def open(self, _role: int) -> Iterator[Arrays]:
        """Copy."""
        places = [self.mapped(place) for place in range(self.places)]

        def give(array: Any) -> None:
            places.append(places.pop(0))
            places[0][0][:] = array

        def take() -> Any:
            return places[0][1].copy()

        yield Arrays(give, take)


class TwoPlaces(OnePlace):
    """Through two in turn, as whoever keeps the old value until the new one is whole must."""

    places = 2

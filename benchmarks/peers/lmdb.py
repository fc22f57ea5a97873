"""lmdb: a memory-mapped database, pickles in it, without waiting for a disk."""

from __future__ import annotations

import pickle
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.ways import POSE, Value, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator


class Database:
    """A database in the way's directory."""

    def __init__(self, address: str) -> None:
        self.address = f"{address}/lmdb"

    @contextmanager
    def open(self, _role: int) -> Iterator[Value]:
        """Open it."""
        import lmdb  # noqa: PLC0415

        # Readers in the way of a writer make it take new pages: 10 MiB, its default, may not do.
        with lmdb.open(self.address, map_size=1 << 30, sync=False, metasync=False) as database:

            def put() -> None:
                with database.begin(write=True) as transaction:
                    transaction.put(b"pose", pickle.dumps(POSE, 5))

            def get() -> Any:
                with database.begin() as transaction:
                    return pickle.loads(transaction.get(b"pose") or b"")  # noqa: S301  (written above)

            yield Value(repeated(put), repeated(get), POSE)

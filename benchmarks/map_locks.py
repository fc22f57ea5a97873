"""What a lock of a map costs that nobody else wants, and whether readers overlap.

    python benchmarks/map_locks.py

The last line is a ratio: two processes that read for 20 ms each inside the lock, against one after the other.
"""

from __future__ import annotations

import multiprocessing
import time

import memlane

ROUNDS = 100_000
READS, SECONDS_INSIDE = 20, 0.02


def pair_ns(shm: memlane.RWSharedMMap, name: str) -> float:
    """Return the nanoseconds of a lock and its unlock."""
    take = getattr(shm, name)
    begin = time.perf_counter_ns()
    for _ in range(ROUNDS):
        with take():
            pass
    return (time.perf_counter_ns() - begin) / ROUNDS


def read_for_a_while(name: str) -> None:
    """Sleep inside the read lock, again and again."""
    with memlane.RWSharedMMap(name, 64) as shm:
        for _ in range(READS):
            with shm.lock_read():
                time.sleep(SECONDS_INSIDE)


def overlap(name: str) -> float:
    """Return how much faster two readers are than one after the other."""
    readers = [multiprocessing.get_context("fork").Process(target=read_for_a_while, args=(name,)) for _ in range(2)]
    begin = time.perf_counter()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return 2 * READS * SECONDS_INSIDE / (time.perf_counter() - begin)


def main() -> None:
    """Print the figures."""
    with memlane.RWSharedMMap("benchmark_map_locks", 64, persistent=False) as shm:
        for name in ("lock_read", "lock_write"):
            print(f"{name} and unlock, from Python: {pair_ns(shm, name):.0f} ns")
        print(f"two readers against one after the other: {overlap(shm.name):.2f} times as fast")


if __name__ == "__main__":
    main()

"""Holders of a map's lock that are killed or stopped: nobody waits for the dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from memlane import RWSharedMMap, SharedMMap, Timeout, UnsafeSharedMMap
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from pathlib import Path


def hold(link: Link, lock: str) -> None:
    """Take a lock, write where that is allowed, say so, and hang."""
    shm: Any = SharedMMap("map", 8) if lock == "lock" else RWSharedMMap("map", 8)
    with getattr(shm, lock)():
        if lock != "lock_read":
            shm.write(b"half")
        link.send("held")
        link.receive()


def ping(link: Link) -> None:
    """Answer each message of the map by its successor, under the lock."""
    with RWSharedMMap("map", 8) as shm:
        while True:
            value = link.receive()
            with shm.lock_read():
                assert int.from_bytes(shm[:], "little") == value
            with shm.lock_write():
                shm[:] = (value + 1).to_bytes(8, "little")
            link.send(value + 1)


def expect_recovered(shm: Any, *, expected: bool) -> None:
    """Lock once, as a writer."""
    with shm.lock(timeout=30) if isinstance(shm, SharedMMap) else shm.lock_write(timeout=30) as lock:
        assert lock.recovered is expected


@pytest.mark.parametrize("lock", ["lock", "lock_write"])
def test_lock_of_a_killed_writer_goes_to_the_next_who_is_told(namespace: Path, lock: str) -> None:
    """D21: told once, and what the dead had written is there, whole or half."""
    with SharedMMap("map", 8) as shm, Peer(hold, lock) as holder:
        assert holder.receive() == "held"
        holder.kill()

        with shm.lock(timeout=30) as recovering:
            assert recovering.recovered
            assert shm[:4] == b"half"
        expect_recovered(shm, expected=False)
        assert shm.stats().recovered == 1


def test_readers_are_told_until_somebody_wrote(namespace: Path) -> None:
    """Each of them may see what is half-done."""
    with RWSharedMMap("map", 8) as shm, Peer(hold, "lock_write") as holder:
        holder.receive()
        holder.kill()

        for _ in range(2):
            with shm.lock_read(timeout=30) as lock:
                assert lock.recovered
        expect_recovered(shm, expected=True)
        with shm.lock_read(timeout=30) as lock:
            assert not lock.recovered


def test_killed_reader_keeps_no_writer_out(namespace: Path) -> None:
    """And leaves nothing half-done."""
    with RWSharedMMap("map", 8) as shm, Peer(hold, "lock_read") as holder, Peer(hold, "lock_read") as other:
        assert (holder.receive(), other.receive()) == ("held", "held")
        holder.kill()
        with pytest.raises(Timeout, match=rf"held by .*pid {other.pid} \("):
            shm.lock_write(timeout=0.05).__enter__()
        other.kill()

        expect_recovered(shm, expected=False)


@pytest.mark.parametrize("lock", ["lock", "lock_read", "lock_write"])
def test_stopped_holder_is_named_and_its_death_ends_the_wait(namespace: Path, lock: str) -> None:
    """A debugger or a frozen container holds others up; the error says which."""
    with RWSharedMMap("map", 8) as shm, Peer(hold, lock) as holder:
        holder.receive()
        holder.stop()
        with pytest.raises(Timeout, match=rf"it is held by pid {holder.pid} \(.*\): wait longer .* or continue or end"):
            shm.lock_write(timeout=0.05).__enter__()
        holder.kill()

        expect_recovered(shm, expected=lock != "lock_read")


def test_zombie_holder_counts_as_dead(namespace: Path) -> None:
    """A parent that does not reap its children must not keep a lock for them."""
    with SharedMMap("map", 8) as shm, Peer(hold, "lock") as holder:
        holder.receive()
        holder.kill_unreaped()

        expect_recovered(shm, expected=True)


def test_bytes_go_to_and_fro_between_processes(namespace: Path) -> None:
    """Two interpreters, one memory."""
    with UnsafeSharedMMap("map", 8) as unsafe, RWSharedMMap("map", 8) as shm, Peer(ping) as peer:
        for value in range(0, 200, 2):
            with shm.lock_write():
                shm[:] = value.to_bytes(8, "little")
            peer.send(value)
            assert peer.receive() == value + 1
            with shm.lock_read():
                assert shm[:] == unsafe[:] == (value + 1).to_bytes(8, "little")

"""Peers that are killed: what they committed stays, what they held comes back."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from tests import storm
from tests.children import Child
from tests.peer import Link, Peer, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def write_and_wait(link: Link, name: str, value: object) -> None:
    """Write once, say so, and hang."""
    with HostVariable(name) as variable:
        variable.data = value
        link.send("written")
        link.receive()


def hold_a_loan(link: Link, name: str) -> None:
    """Begin to fill a slot, say so, and hang."""
    with HostVariable(name) as variable, variable.loan(size=4) as place:
        place[0] = 1
        link.send("loaned")
        link.receive()


def hold_views(link: Link, name: str) -> None:
    """View every version that the test writes, and hang."""
    with HostVariable(name) as variable:
        views = []
        for _ in range(4):
            views.append(variable.view())
            link.send("viewed")
            link.receive()


def read_and_wait(link: Link, name: str) -> None:
    """Read as often as the test asks."""
    with HostVariable(name) as variable:
        while True:
            link.send(variable.get("empty"))
            link.receive()


def test_value_survives_its_killed_writer(namespace: Path) -> None:
    """By default a value outlives whoever wrote it, however that ended."""
    with Peer(write_and_wait, "pose", {"x": 1.5}) as writer:
        assert writer.receive() == "written"
        writer.kill()

    with HostVariable("pose", create=False) as reader:
        assert (reader.data, reader.version) == ({"x": 1.5}, 1)
        assert reader.stats().live_participants == 1


def test_zombie_counts_as_dead(namespace: Path) -> None:
    """Hazard 8: a parent that does not reap must not keep its child alive for the others."""
    with HostVariable("pose", slots=2) as variable, Peer(hold_a_loan, "pose") as holder:
        variable.data = 0
        assert holder.receive() == "loaned"
        holder.kill_unreaped()

        variable.data = 1

        assert variable.stats().live_participants == 1


def test_slot_of_a_killed_loan_is_taken_back_by_the_call_that_needs_it(namespace: Path) -> None:
    """Rule 7: no time-out, no administrator: the very call takes it back."""
    with HostVariable("pose", slots=2) as variable, Peer(hold_a_loan, "pose") as holder:
        variable.data = b"old"
        assert holder.receive() == "loaned"
        with pytest.raises(memlane.NoFreeSlot, match=rf"pid {holder.pid} \(python\S*\) writes or loans 1, views 0"):
            variable.loan(size=1, timeout=0)

        holder.kill()
        variable.data = b"new"

        assert variable.data == b"new"
        assert variable.stats().recovered >= 1


def test_slots_of_killed_views_come_back(namespace: Path) -> None:
    """Views held by dead processes are taken back."""
    with HostVariable("pose", slots=6) as variable, Peer(hold_views, "pose") as viewer:
        for number in range(4):
            variable.data = bytes([number])
            viewer.send("view") if number else None
            assert viewer.receive() == "viewed"
        pinned = variable.stats().slots_pinned

        viewer.kill()
        with contextlib.ExitStack() as stack:
            for _ in range(5):  # every slot but the current one
                stack.enter_context(variable.loan(size=1, timeout=5))
            slots = variable.stats().slots_writing

        assert (pinned, slots) == (4, 5)


def test_killed_reader_changes_nothing(variable: HostVariable) -> None:
    """Readers leave no trace."""
    variable.data = 1
    with Peer(read_and_wait, "pose") as reader:
        assert reader.receive() == 1
        reader.kill()

    variable.data = 2
    assert variable.data == 2


def test_waiting_reader_survives_the_death_of_the_writer(variable: HostVariable) -> None:
    """Rule 7: blocks nobody; the next writer wakes it."""
    with Peer(write_and_wait, "pose", "first") as writer:
        assert writer.receive() == "written"
        assert variable.wait(timeout=0) == "first"
        writer.kill()

    with Peer(write_and_wait, "pose", "second") as successor:
        assert variable.wait(timeout=30) == "second"
        assert successor.receive() == "written"


def test_temporary_object_of_killed_users_is_empty_for_the_next(namespace: Path) -> None:
    """``persistent=False`` holds also when the last ones die: the next open begins anew."""
    with HostVariable("scratch", persistent=False) as mine, Peer(write_and_wait, "scratch", "old") as user:
        assert user.receive() == "written"
        user.signal(signal.SIGSTOP)
        mine.close()
        user.kill()
        left = [path.name for path in namespace.iterdir()]

        with HostVariable("scratch", persistent=False) as next_user:
            assert next_user.get("empty") == "empty"

    assert left == ["scratch"]
    assert list(namespace.iterdir()) == []


def test_collect_removes_the_temporary_object_of_killed_users_only(namespace: Path) -> None:
    """``memlane gc``: what died goes, what lives or is persistent stays."""

    def die_with(name: str, persistent: bool) -> None:  # noqa: FBT001
        variable = HostVariable(name, persistent=persistent)
        variable.data = 1
        os.kill(os.getpid(), signal.SIGKILL)

    with HostVariable("alive", persistent=False):
        for name, persistent in (("dead", False), ("kept", True)):
            with Child(partial(die_with, name, persistent)) as child:
                assert child.join() == -signal.SIGKILL

        removed = memlane.collect()

        assert removed == 1
        assert sorted(path.name for path in namespace.iterdir()) == ["alive", "kept"]


def use_and_die(name: str) -> None:
    """Write to a temporary object, and be killed before closing it."""
    with HostVariable(name, 64, slots=2, max_participants=4, persistent=False) as variable:
        variable.data = os.getpid()
        os.kill(os.getpid(), signal.SIGKILL)


def let_a_thousand_users_die(link: Link, names: int) -> None:
    """Fork them one after the other from a small process: a large one takes longer to copy than they live."""
    for number in range(1_000):
        pid = storm.fork(partial(use_and_die, f"scratch-{number % names}"))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    link.send("all dead")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_thousand_killed_users_leave_nothing_after_one_collection(namespace: Path) -> None:
    """Hazard 28: eCAL left 352 files, io_shared 50; memlane leaves none."""
    with Peer(let_a_thousand_users_die, 100) as killer:
        assert killer.receive(timeout=120) == "all dead"
    before = len(list(namespace.iterdir()))

    removed = memlane.collect()

    assert before == removed == 100
    assert list(namespace.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_thousand_deaths_fill_no_table_of_four(namespace: Path) -> None:
    """A place that its owner left by dying is a free place."""
    with HostVariable("scratch-0", 64, slots=2, max_participants=4, persistent=False) as variable:
        with Peer(let_a_thousand_users_die, 1) as killer:
            assert killer.receive(timeout=120) == "all dead"

        assert variable.stats().writes == 1_000
        assert variable.stats().live_participants == 1


@pytest.mark.slow
def test_views_in_fifty_processes_half_of_them_killed_give_every_slot_back(namespace: Path) -> None:
    """Fifty displays look at fifty images; half of them crash."""
    with HostVariable("image", 4_096, slots=64) as variable, contextlib.ExitStack() as stack:
        children = []
        for number in range(50):
            variable.data = np.full(100, float(number))
            version = variable.version
            ready, go = os.pipe()
            stack.callback(os.close, ready)
            stack.callback(os.close, go)
            children.append((stack.enter_context(Child(partial(look, ready, number))), go))
            variable.wait(newer_than=version, timeout=30)
        pinned = variable.stats().slots_pinned

        for child, _go in children[::2]:
            child.kill()
        for _ in range(100):
            variable.data = np.zeros(100)
        unchanged = []
        for child, go in children[1::2]:
            os.write(go, b"!")
            unchanged.append(child.answer())
            child.join()
        with contextlib.ExitStack() as loans:
            for _ in range(63):  # all but the current one, with what the dead held
                loans.enter_context(variable.loan(size=1, timeout=5))

        assert pinned == 50
        assert unchanged == [True] * 25


def look(ready: int, number: int) -> bool:
    """View the image of one number, write another one as a sign, and look again when told to."""
    with HostVariable("image") as variable:
        view = variable.view()
        variable.data = b"viewed"
        os.read(ready, 1)
        return bool((view == number).all()) and view.shape == (100,)


def test_stopped_process_is_alive(namespace: Path) -> None:
    """Hazard 5: nothing is decided by time; a debugger may hold a process for hours."""
    with HostVariable("pose", slots=2) as variable, Peer(hold_a_loan, "pose") as holder:
        variable.data = b"old"
        assert holder.receive() == "loaned"
        holder.stop()

        with pytest.raises(memlane.NoFreeSlot, match=rf"pid {holder.pid} .* continue stopped processes"):
            variable.data = b"new"

        assert (variable.data, variable.stats().live_participants) == (b"old", 2)
        holder.resume()
        holder.send("publish")
        wait_until(lambda: variable.version == 2, "the loan is published")
        variable.data = b"new"
        assert variable.data == b"new"

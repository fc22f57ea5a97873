"""Calls between real processes, which are killed, stopped and forked."""

from __future__ import annotations

import contextlib
import mmap
import operator
import os
import signal
import threading
import time
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostFunctionCaller, HostFunctionDispatcher
from tests.children import Child, end_by_itself
from tests.peer import Link, Peer
from tests.storm import spread

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20.0
KILLS = int(os.environ.get("MEMLANE_TEST_KILLS", "2000"))
"""2,000 in the usual run; the long form sets 20,000."""


def serve(link: Link, name: str, *, sizes: tuple[int, int] = (4096, 4096)) -> None:
    """Serve an addition until killed."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add(name, operator.add, *sizes)
        dispatcher.start()
        link.send(os.getpid())
        link.receive()


def serve_forever(link: Link, name: str) -> None:
    """Serve in the main thread, until Ctrl-C."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add(name, operator.add)
        link.send("ready")
        try:
            dispatcher.serve_forever()
        except KeyboardInterrupt:
            link.send("interrupted")


def take_and_hang(link: Link, name: str) -> None:
    """Begin a call, say so, and hang."""

    def hang(value: object) -> None:
        link.send(value)
        link.receive()

    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add(name, hang)
        link.send("ready")
        dispatcher.serve_forever()


def use_often(link: Link, name: str, callers: int, calls: int) -> None:
    """Call from several callers at once, each with results of its own."""
    wrong: list[object] = []

    def use(number: int) -> None:
        with HostFunctionCaller(name, timeout=PATIENCE) as add:
            own = (number << 40) + os.getpid()
            wrong.extend(i for i in range(calls) if add.call(i, own) != i + own)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    link.send(wrong)
    link.receive()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_sixteen_callers_and_four_dispatchers_never_mix_results(namespace: Path) -> None:
    """16 callers in 4 processes, 10,000 calls each: everybody gets exactly its own results."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Peer(serve, "add")) for _ in range(4)]
        for server in servers:
            server.receive()
        users = [stack.enter_context(Peer(use_often, "add", 4, 10_000)) for _ in range(4)]
        assert [user.receive(timeout=150) for user in users] == [[], [], [], []]
        with HostFunctionCaller("add") as add:
            assert add.stats().served == 160_000
            assert add.stats().live_servers == 4


def test_large_arrays_cross_processes(namespace: Path) -> None:
    """8 MB there, 8 MB back."""
    size = 9_000_000
    with HostFunctionCaller("big", 2 * size, size, timeout=PATIENCE) as add, Peer(serve_large, "big", size) as server:
        server.receive()
        image = np.arange(1_000_000, dtype=np.float64)
        assert np.array_equal(add.call(image, image), image * 2)


def serve_large(link: Link, name: str, size: int) -> None:
    """Serve additions of large arrays."""
    serve(link, name, sizes=(2 * size, size))


def test_a_killed_server_ends_its_call_and_its_successor_takes_the_rest(namespace: Path) -> None:
    """PeerDied for the call that it had begun; those that it had not begun are served by the next one."""
    with HostFunctionCaller("add") as add:
        for _ in range(3):
            with Peer(take_and_hang, "add") as server:
                assert server.receive() == "ready"
                begun, waiting = add("begun"), add("wait", "ing")
                assert server.receive() == "begun"
                server.kill()
            with pytest.raises(memlane.PeerDied, match="died while it executed this call: it may have been executed"):
                begun.result(PATIENCE)
            with Peer(serve, "add"):
                assert waiting.result(PATIENCE) == "waiting"
        assert add.stats().orphaned == 3


def test_a_zombie_server_is_dead(namespace: Path) -> None:
    """Its parent need not have reaped it."""
    with HostFunctionCaller("add") as add, Peer(take_and_hang, "add") as server:
        assert server.receive() == "ready"
        pending = add("x")
        server.receive()
        server.kill_unreaped()
        with pytest.raises(memlane.PeerDied):
            pending.result(PATIENCE)


def test_a_stopped_server_is_waited_for_to_the_deadline(namespace: Path) -> None:
    """It may go on: nothing is decided by time but the end of the wait."""
    with HostFunctionCaller("add", timeout=PATIENCE) as add, Peer(serve, "add") as server:
        server.receive()
        assert add.call(1, 2) == 3
        server.stop()
        pending = add(3, 4)
        with pytest.raises(memlane.Timeout):
            pending.result(0.2)
        server.resume()
        assert pending.result() == 7


def test_dispatchers_are_replaced_without_losing_calls(namespace: Path) -> None:
    """Hot restart: the next one starts, the former one stops, and nobody notices."""
    with HostFunctionCaller("add", timeout=PATIENCE) as add:
        former = Peer(serve, "add")
        former.receive()
        for round_ in range(5):
            calls = [add(round_, number) for number in range(50)]
            successor = Peer(serve, "add")
            successor.receive()
            former.send("stop")
            assert former.join() == 0
            former.__exit__(None, None, None)
            assert [call.result() for call in calls] == [round_ + number for number in range(50)]
            former = successor
        former.__exit__(None, None, None)


def test_ctrl_c_ends_serving_and_waiting(namespace: Path) -> None:
    """A plain KeyboardInterrupt, and everything consistent."""
    with Peer(serve_forever, "add") as server, HostFunctionCaller("add", timeout=PATIENCE) as add:
        assert server.receive() == "ready"
        assert add.call(1, 2) == 3
        server.signal(signal.SIGINT)
        assert server.receive() == "interrupted"
        assert server.join() == 0
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            add.call(1, 2)


def test_a_forked_child_calls_for_itself(namespace: Path) -> None:
    """It gets a lane of its own; calls of its parent stay with the parent."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("add", timeout=PATIENCE) as add:
        dispatcher.add("add", operator.add)
        pending = add(1, 2)

        def use() -> object:
            try:
                pending.result()
            except memlane.OwnershipLost as lost:
                refused = str(lost)
            return refused, add.call(3, 4)

        with Child(use) as child:
            dispatcher.start()
            refused, result = child.answer()
        assert "made before a fork" in refused
        assert result == 7
        assert pending.result() == 3


def test_a_forked_child_collects_its_own_responses(namespace: Path) -> None:
    """What its parent waits for, or has not collected yet, is not the child's."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("add", timeout=PATIENCE) as add:
        dispatcher.add("add", operator.add)
        dispatcher.start()
        arrived, other = add(1, 2), add(2, 2)
        assert arrived.result() == 3
        dispatcher.stop()
        flying = add(3, 2)

        def use() -> object:
            with pytest.raises(memlane.NoResponse):
                add.get_response(0)
            add(5, 6)
            return add.get_response()

        with Child(use) as child:
            dispatcher.start()
            assert child.answer() == 11
        assert (add.get_response(), add.get_response()) == (4, 5)
        assert (other.result(), flying.result()) == (4, 5)


def test_a_forked_child_does_not_serve(namespace: Path) -> None:
    """The role stays with the parent, also when the parent dies first."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("add", operator.add)
        dispatcher.start()

        def use() -> object:
            try:
                dispatcher._core.serve()
            except memlane.OwnershipLost as lost:
                return str(lost)
            return "served"

        with Child(use) as child:
            assert "this dispatcher is the parent's" in child.answer()


def call_and_hang(link: Link, name: str) -> None:
    """Fill a lane with calls and hang."""
    caller = HostFunctionCaller(name)
    for number in range(4):
        caller(number, 0)
    link.send("called")
    link.receive()


def test_the_lane_of_a_killed_caller_comes_back(namespace: Path) -> None:
    """Far more callers than lanes, all killed."""
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("add", operator.add, lanes=2)
        for _ in range(5):
            with Peer(call_and_hang, "add") as caller:
                caller.receive()
        dispatcher.start()
        with HostFunctionCaller("add", timeout=PATIENCE) as add:
            assert add.call(1, 2) == 3


# -- storms ---------------------------------------------------------------------------------------------------


class Executions:
    """Counts how often each call was executed, outside of all that memlane knows of."""

    def __init__(self, calls: int) -> None:
        self._page = mmap.mmap(-1, max(calls, mmap.PAGESIZE))

    def add(self, number: int) -> int:
        """Count one more, and take a moment: a byte for each call, which only its server writes."""
        self._page[number] += 1
        return sum(0 for _ in range(5000)) + number

    def of(self, number: int) -> int:
        """Tell how often a call was executed."""
        return self._page[number]

    def close(self) -> None:
        """Give the page back."""
        self._page.close()


def fork_server(name: str, executions: Executions) -> int:
    """Fork a server, which costs a millisecond where a fresh interpreter costs forty."""
    pid = os.fork()
    if pid == 0:
        end_by_itself()
        try:
            dispatcher = HostFunctionDispatcher()
            dispatcher.add(name, executions.add)
            dispatcher.serve_forever()
        finally:
            os._exit(1)
    return pid


def kill(pid: int) -> None:
    """End a child for good."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def kill_servers(link: Link, name: str, kills: int, seed: int) -> None:
    """Kill server after server at random moments under a stream of calls, and account for every call."""
    random = Random(seed)
    room = kills * 400
    executions = Executions(room)
    caller = HostFunctionCaller(name, timeout=PATIENCE)
    toll: dict[str, Any] = {"kills": 0, "calls": 0, "died": 0, "wrong": 0, "twice": 0, "lost": 0}
    delays = []
    server = fork_server(name, executions)
    while toll["kills"] < kills and toll["calls"] < room - 300:
        calls = []
        for _ in range(4):
            calls.append((toll["calls"], caller(toll["calls"])))
            toll["calls"] += 1
        with contextlib.suppress(memlane.Timeout):
            calls[0][1].result(0.05)  # it serves by now
        time.sleep(random.random() * 0.0006)
        killed = time.monotonic()
        kill(server)
        toll["kills"] += 1
        server = fork_server(name, executions)
        for number, call in calls:
            try:
                toll["wrong"] += call.result() != number
                toll["lost"] += executions.of(number) != 1
            except memlane.PeerDied:
                toll["died"] += 1
                delays.append(time.monotonic() - killed)
            toll["twice"] += executions.of(number) > 1
    kill(server)
    toll["executing"] = caller.stats().executing
    toll["from kill to PeerDied"] = spread(delays) if delays else "never"
    caller.close()
    executions.close()
    link.send(toll)


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS // 10)
def test_killed_servers_lose_double_and_mix_up_nothing(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2,000 real kills: the result or PeerDied, never a hang, never another call's result, never executed twice."""
    seed = int.from_bytes(os.urandom(4), "little")

    with Peer(kill_servers, "count", KILLS, seed) as orchestrator:
        toll: dict[str, Any] = orchestrator.receive(timeout=90 + KILLS / 10)
    with capsys.disabled():
        print(f"\nkilled servers: {toll}")

    assert (toll["wrong"], toll["twice"], toll["lost"], toll["executing"]) == (0, 0, 0, 0), f"seed {seed}"
    assert toll["kills"] == KILLS
    assert toll["died"] > KILLS // 100


def fork_caller(name: str) -> int:
    """Fork a caller that calls as fast as it can, in every way."""
    pid = os.fork()
    if pid == 0:
        end_by_itself()
        try:
            caller = HostFunctionCaller(name)
            number = 0
            while True:
                caller(number)
                caller.call(number + 1)
                caller(number + 2).cancel()
                number += 3
        finally:
            os._exit(1)
    return pid


def kill_callers(link: Link, name: str, kills: int, seed: int) -> None:
    """Kill caller after caller at random moments; then every lane and slot must be there."""
    random = Random(seed)
    dispatcher = HostFunctionDispatcher()
    dispatcher.add(name, lambda x: x, lanes=3)
    dispatcher.start()
    link.send("ready")
    helper = os.fork()  # forks from a process with one thread
    if helper == 0:
        end_by_itself()
        for _ in range(kills):
            pids = [fork_caller(name), fork_caller(name)]
            time.sleep(random.random() * 0.004)
            for pid in pids:
                kill(pid)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1])
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(HostFunctionCaller(name, timeout=PATIENCE)) for _ in range(3)]
        results = [caller.call(number) for number, caller in enumerate(callers)]
        for caller in callers:
            results += [call.result() for call in [caller(9) for _ in range(4)]]
        found = callers[0].stats()
    dispatcher.close()
    link.send((status, results, found.waiting, found.executing, found.served))


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS // 10)
def test_killed_callers_lose_no_slot(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2,000 callers killed, two at a time: afterwards each lane and each slot can be used."""
    seed = int.from_bytes(os.urandom(4), "little")

    with Peer(kill_callers, "echo", KILLS // 2, seed) as orchestrator:
        orchestrator.receive()
        status, results, waiting, executing, served = orchestrator.receive(timeout=90 + KILLS / 10)
    with capsys.disabled():
        print(f"\nkilled callers: {KILLS}, {served} calls served")

    assert status == 0, f"seed {seed}"
    assert results == [0, 1, 2] + [9] * 12
    assert (waiting, executing) == (0, 0)

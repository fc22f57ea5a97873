"""Two fresh processes, each with one end of a way: they do what they are told, one round after the other."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import traceback
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.placement import settle
from benchmarks.quiet import children_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from benchmarks.scenarios.rows import Role
    from benchmarks.ways import Way

CONTEXT = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 60.0


class PeerFailed(Exception):
    """A role raised, ended or stayed silent; the text says which."""


class Order(NamedTuple):
    """What a role is told to do."""

    role: Role
    amount: int
    is_timed: bool


class Answer(NamedTuple):
    """What it found, and how much processor time the servers took that it started."""

    found: Any
    servers_seconds: float
    failure: str = ""


def work(way: Way, role: int, processors: tuple[int, int], control: Connection) -> None:
    """Play a role until told to end."""
    try:
        settle(processors[role], processors[1 - role])
        with way.open(role) as end:
            control.send(Answer(None, 0.0))
            while (order := control.recv()) is not None:
                control.send(carry_out(order, end, control))
    except BaseException:  # noqa: BLE001  (told to who can print it)
        with contextlib.suppress(OSError):  # nobody is there any more
            control.send(Answer(None, 0.0, traceback.format_exc()))
    control.close()
    os._exit(0)  # threads of a peer may never end


def carry_out(order: Order, end: Any, control: Connection) -> Answer:
    """Do one round."""
    before = children_seconds()
    found = order.role(end, order.amount, control.poll)
    if not order.is_timed:
        control.recv()  # that the round is over
    return Answer(found, children_seconds() - before)


class Pair:
    """Both processes."""

    def __init__(self) -> None:
        self._controls: list[Connection] = []
        self._processes: list[BaseProcess] = []

    def start(self, way: Way, processors: tuple[int, int]) -> None:
        """Start one after the other: role 0 makes what role 1 opens."""
        for role in range(2):
            ours, theirs = CONTEXT.Pipe()
            self._controls.append(ours)
            process = CONTEXT.Process(target=work, args=(way, role, processors, theirs))
            process.start()
            theirs.close()
            self._processes.append(process)
            self._receive(role)

    def _receive(self, role: int) -> Answer:
        ready = connection.wait(self._controls, PATIENCE_SECONDS)
        if not ready:
            raise PeerFailed(f"role {role} said nothing for {PATIENCE_SECONDS:.0f} s")
        told = self._controls[role] if self._controls[role] in ready else self._controls[1 - role]
        try:
            answer: Answer = told.recv()
        except EOFError:
            raise PeerFailed("a role ended") from None
        if answer.failure:
            raise PeerFailed(answer.failure)
        return answer

    def round(self, roles: tuple[Role, Role], timed: int, count: int) -> tuple[Answer, Answer]:
        """Let both do their part; return the answer of the timed role, and of the other."""
        other = 1 - timed
        for role in (other, timed):
            self._controls[role].send(Order(roles[role], count, role == timed))
        answer = self._receive(timed)
        self._controls[other].send(None)
        return answer, self._receive(other)

    def end(self) -> None:
        """Ask both to end, and kill who does not."""
        for control in self._controls:
            with contextlib.suppress(OSError):
                control.send(None)
        for process in self._processes:
            process.join(5)
            process.kill()
            process.join()


@contextlib.contextmanager
def pair(make: Any, options: Any, processors: tuple[int, int]) -> Iterator[Pair]:
    """Run both, with a directory in shared memory of their own."""
    with tempfile.TemporaryDirectory(prefix="memlane-benchmark-", dir="/dev/shm") as directory:
        both = Pair()
        try:
            both.start(make(directory, *options.values()), processors)
            yield both
        finally:
            both.end()

"""Forked children: a function runs in one, and its answer or its exception comes back to the test."""

from __future__ import annotations

import os
import pickle
import select
import signal
import traceback
from typing import TYPE_CHECKING, Any

from tests.peer import LONGEST_LIFE_SECONDS, PATIENCE_SECONDS, PeerFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


class Child:
    """A child by ``os.fork`` that runs one function and sends what it returns; killed when the ``with`` block ends.

    The function starts when the child exists; it can be given what only this process has, endpoints and views included.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._reading_end, writing_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _run(function, writing_end)
        os.close(writing_end)
        self._status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        os.close(self._reading_end)

    def answer(self, timeout: float = PATIENCE_SECONDS) -> Any:
        """Wait for what the function returned; raise `PeerFailed` with its traceback when it raised, or died."""
        content = b""
        while select.select([self._reading_end], [], [], timeout)[0]:
            piece = os.read(self._reading_end, 1 << 16)
            content += piece
            if not piece:
                break
        else:
            raise PeerFailed(f"child {self.pid} said nothing for {timeout} s")
        if not content:
            raise PeerFailed(f"child {self.pid} ended with status {self.join()} and without an answer")
        succeeded, outcome = pickle.loads(content)
        if not succeeded:
            raise PeerFailed(f"child {self.pid} raised:\n{outcome}")
        return outcome

    def kill(self) -> None:
        """End the child by SIGKILL and reap it; nothing when that was done already."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.join()

    def join(self) -> int:
        """Wait until the child ended and return its exit status, negative for a signal's number."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status


def end_by_itself() -> None:
    """Exchange the parent's watchdog for an end that comes when everybody has forgotten this process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST_LIFE_SECONDS)


def fork_and_leave(status: int = 0) -> int:
    """Fork a child that leaves by `SystemExit` all that its parent is in, and return the status with which it ended.

    The test has to end it by ``os._exit`` where its own frame is reached.
    """
    child = os.fork()
    if child == 0:
        end_by_itself()
        raise SystemExit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(function: Callable[[], object], writing_end: int) -> None:
    """Run the child's side; never returns, so that the test's own code does not run twice."""
    status = 1
    try:
        end_by_itself()
        try:
            outcome = (True, function())
        except BaseException:  # noqa: BLE001 - whatever it was, the test reports it
            outcome = (False, traceback.format_exc())
        with os.fdopen(writing_end, "wb") as stream:
            stream.write(pickle.dumps(outcome))
        status = 0
    finally:
        os._exit(status)


def answer_of_child(function: Callable[[], object]) -> Any:
    """Run a function in a forked child to its end, and return its answer."""
    with Child(function) as child:
        answer = child.answer()
        assert child.join() == 0
        return answer

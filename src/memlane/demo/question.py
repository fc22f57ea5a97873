"""The controller's side of the model's function."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, final

import numpy as np

import memlane
from memlane.demo.report import Answered, AnsweredWrongly, ServerDied, text_of
from memlane.demo.seal import Torn, unseal
from memlane.demo.variables import FRAME

if TYPE_CHECKING:
    from memlane.demo.report import Reports


@final
class Question:
    """A call that is made again and again, one at a time, to a server that may die at any time. Waits for nobody."""

    def __init__(self, caller: memlane.HostFunctionCaller, reports: Reports) -> None:
        self._caller = caller
        self._reports = reports
        self._pending: memlane.PendingCall | None = None
        self._asked: Any = None
        self.sent = 0
        """When the last call was made."""

    @property
    def is_free(self) -> bool:
        """Whether no call is under way. One that nobody has begun waits for the next server, and goes on."""
        return self._pending is None

    def ask(self, frame: Any) -> None:
        """Send a call with a frame, seal and all."""
        self.sent = time.monotonic_ns()
        self._asked = frame["seal"]
        self._pending = self._caller(np.frombuffer(frame, FRAME).reshape(()))

    def answer(self) -> Any:
        """Return what has arrived since the last look, None when nothing has: what died with its server never will."""
        if self._pending is None or not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        try:
            answer = pending.result()
            self._check(answer)
        except memlane.PeerDied:
            self._reports.send(ServerDied(time.monotonic_ns()))
            return None
        except (memlane.RemoteError, Torn) as error:
            self._reports.send(AnsweredWrongly(text_of(error), time.monotonic_ns()))
            return None
        self._reports.send(Answered(self.sent, time.monotonic_ns()))
        return answer

    def _check(self, answer: Any) -> None:
        unseal(answer)
        if answer["seal"] != self._asked:
            raise Torn(f"asked about the frame {self._asked}, answered about {answer['seal']}")

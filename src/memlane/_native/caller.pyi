"""The calling side of a function."""

from collections.abc import Callable
from typing import Any, final

from memlane._native.function import Function
from memlane.errors import Timeout

class Caller(Function):
    """The part of `memlane.HostFunctionCaller` that works on shared memory."""

    def _prepare(
        self, timeout: float | None, raw: bool, fail_fast: bool, rebuild: Callable[[bytes, bytes], BaseException]
    ) -> None:
        """Take a lane: memory that is missing is missed here, and not at the first call."""

    def call(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function and return its result, or raise what it raised.

        Raises:
            Timeout: The caller's timeout passed first. The call is given up; ``maybe_executed`` says whether a server
                had begun it.
            PeerDied: The server died while it executed the call, which may have had its effect.
            NoServer: Nobody serves the function, and the caller was made with ``fail_fast=True``.
            ValueTooLarge: The arguments, or the result, take more than the function has room for.
            NoResponse: The function gives no responses (``max_sz_ret=0``). The call was sent.
        """

    def __call__(self, *arguments: Any, **keywords: Any) -> PendingCall:
        """Send a call and return at once. See `PendingCall` and `get_response`."""

    def _expect_slot(self, expects: bool) -> None:
        """Poll for room for another call too, or for responses alone."""

    def get_response(self, timeout: float | None = None) -> Any:
        """Wait for the response to the oldest call whose response was not taken yet, and return it.

        Args:
            timeout: Seconds; None: the caller's.

        Raises:
            NoResponse: There is no such call, or the function gives no responses.
            Timeout: It did not come in time; it can be waited for again.
        """

    def close(self) -> None:
        """Close the endpoint. Calls that nobody has begun are taken back; the others' responses are dropped."""

@final
class PendingCall:
    """A call that was sent. Its response is waited for by `result`, or by the caller's ``get_response``.

    Made by calling a `HostFunctionCaller`. May be used by several threads.
    """

    _ticket: Any
    def result(self, timeout: float | None = None) -> Any:
        """Wait for the response and return it, or raise what the function raised. May be called again.

        Args:
            timeout: Seconds; None: the caller's.

        Raises:
            Timeout: It did not come in time. The call goes on: wait again, or `cancel` it.
            CallCancelled: The call was cancelled.
            PeerDied: The server died while it executed the call, which may have had its effect.
        """

    def done(self) -> bool:
        """Tell whether the response is there, or will never be, as after the caller's close. Never waits."""

    def cancel(self) -> bool:
        """Take the call back, if nobody has begun it.

        Returns:
            True when it is certain that it was not executed and never will be; `result` raises `CallCancelled` then,
            or `Closed` where the caller's close had taken it back.
        """

    def _arrive(self) -> None:
        """Raise `Timeout` where the response is not there yet. Never waits."""

    def _give_up(self, timeout: Timeout | None = None) -> Timeout | None:
        """End a call that nobody waits for any more; return the error that says what is known of it."""

"""The serving side of functions."""

from collections.abc import Callable
from typing import Any, final

from memlane._native.function import Function, Shift

class Dispatcher:
    """The part of `memlane.HostFunctionDispatcher` that works on shared memory."""

    def __init__(
        self,
        capacity: int,
        describe: Callable[[BaseException], tuple[bytes, bytes]],
        report: Callable[[str, BaseException], None],
    ) -> None: ...
    def add(self, function: Function, callback: Callable[..., Any]) -> None:
        """Serve one more function. The lists are filled first: a thread that serves may take its first call at once."""

    @property
    def active(self) -> int:
        """Threads in `serve`. A forked child has none of its parent's."""

    def resume(self) -> int:
        """Begin to serve, in threads that run `serve` with the number that this returns."""

    def stop(self) -> None:
        """Let every thread leave `serve` after the callback that it runs."""

    def close(self) -> None:
        """Stop, and let the functions go: now, or when the last thread has left `serve`."""

    def take_now(self, stops: int) -> Request | None:
        """Return the next call as a `Request`, None where none is there. Never waits.

        Raises:
            Closed: The dispatcher was stopped since the `resume` that returned the number.
        """

    def serve(self, stops: int | None = None) -> None:
        """Execute calls in this thread, until a `stop` after the `resume` that returned the number; None: after now."""

@final
class Request:
    """A call that was taken and is not answered yet. Of one task at a time."""

    def invoke(self) -> Any:
        """Run the callback and return what it returns; of a coroutine function, the coroutine."""

    def respond(self, value: object) -> None:
        """Give the caller a result; where it cannot be given, the error that says so."""

    def fail(self, error: BaseException) -> None:
        """Give the caller an exception."""

class Watch(Shift):
    """A thread that serves a dispatcher, and how deep in callbacks it is."""

"""The serving side of functions."""

from collections.abc import Callable
from typing import Any

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

    def resume(self) -> int:
        """Begin to serve, in threads that run `serve` with the number that this returns."""

    def stop(self) -> None:
        """Let every thread leave `serve` after the callback that it runs."""

    def close(self) -> None:
        """Stop, and let the functions go: now, or when the last thread has left `serve`."""

    def serve(self, stops: int | None = None) -> None:
        """Execute calls in this thread, until a `stop` after the `resume` that returned the number; None: after now."""

class Watch(Shift):
    """A thread that serves a dispatcher, and how deep in callbacks it is."""

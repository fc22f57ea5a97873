"""The calling side: functions of other processes, called like one's own."""

from __future__ import annotations

import gc
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, final

from memlane import event_loop, settings, turns, waiting
from memlane._native.caller import Caller, PendingCall
from memlane._native.fork import PerProcess
from memlane.codec.reference import require_reference
from memlane.endpoint import NamedEndpoint
from memlane.errors import Timeout, TooManyParticipants
from memlane.function import remote
from memlane.names import encoded_name

if TYPE_CHECKING:
    import os


class FunctionStatistics(NamedTuple):
    """What happened to a function, summed over all endpoints that ever were, and what is at this moment."""

    calls: int
    """Calls that were sent."""
    served: int
    """Calls that were executed to the end."""
    errors: int
    """Of those: calls whose response is an error."""
    withdrawn: int
    """Calls that were taken back before anybody had begun them."""
    abandoned: int
    """Calls that were given up after a server had begun them."""
    orphaned: int
    """Calls whose server died while it executed them."""
    dropped: int
    """Responses that nobody asked for while the 1,024 after them came."""
    waiting: int
    """Calls that nobody has begun, at this moment."""
    executing: int
    """Calls that servers execute."""
    latency: float
    """Mean time from sending a call to its response, in seconds."""
    live_participants: int
    """Open endpoints of live processes."""
    live_callers: int
    live_servers: int
    is_current: bool
    """Whether the name still leads to this object."""


def statistics_of(found: dict[str, Any]) -> FunctionStatistics:
    """Return what the library counted, with the mean of what it summed."""
    latency_ns = found.pop("latency_ns")
    return FunctionStatistics(**found, latency=latency_ns / 1e9 / max(found["served"], 1))


@final
class HostFunctionCaller(NamedEndpoint, Caller):
    """A function of another process, called like one's own.

    Calling it sends the call and returns a `PendingCall` at once; `call` waits for the result, `get_response` for the
    oldest response that was not taken yet. A call is executed at most once. It ends by its result, by a timeout, or
    within 60 ms of the death of the server that executed it. Where nobody serves the function it waits.

    Args:
        name: 1 to 200 bytes of UTF-8; one leading ``/`` is ignored.
        max_sz_args: Bytes of the largest encoded arguments.
        max_sz_ret: Bytes of the largest encoded result. 0: calls are one-way, and have no response.
        timeout: Seconds that `call`, `get_response` and `PendingCall.result` wait unless they are given others, and
            that a call waits while this caller has as many calls outstanding as it may. None: for ever.
        fail_fast: True: a call raises `NoServer` where nobody serves the function.
        raw: True: each call takes one bytes-like argument and returns bytes, which C programs send and read as they
            are.
        arg_format: Fixes what arguments are, for peers in C and C++: a ``ctypes.Structure`` subclass, a numpy
            ``dtype``, or a ``msgspec.Struct`` subclass of fields of fixed width. A call then takes one value of it, or
            its fields by their names, and ``max_sz_args`` is its size. Default: what the object has.
        ret_format: The same of results.
        lanes: Callers that the function can have at once, 1 to 1,024.
        slots: Calls that each of them can have outstanding, 1 to 256.
        create: False: a missing object is `ObjectNotFound`.
        persistent: False: the last endpoint to close removes the object, also when the last ones died. Default: True
            for a new object, else what it is.
        allow_pickle: True loads pickles that others could have written, False loads none. Default: those that only this
            user and root can have written.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        mode: File mode of a new object, and the most that an existing one may have.
        peer_uid: Another user whose object is accepted.
        max_participants: Endpoints that can be open at once, 1 to 1,024.

    Raises:
        ObjectNotFound: There is no such object, and ``create=False``.
        SizeMismatch: The object has other sizes than were given.
        SchemaMismatch: The object has other formats than were given; the message names the first field that differs.
        NoSpace: The memory could not be reserved.
        TooManyParticipants: Every lane is a live caller's.
        Error: Any other reason; see `memlane.errors`.

    Units: sizes in bytes, times in seconds.
    Concurrency: any number of threads may share a caller; each call has its own result.
    """

    __slots__ = (
        "__weakref__",
        "_fail_fast",
        "_formats",
        "_opening",
        "_peer_uid",
        "_permissions",
        "_raw",
        "_seconds",
        "_tasks",
        "_trust",
        "_turns",
    )

    _NOUN = "function"
    _KEPT = ("_seconds", "_fail_fast", "_raw", "_trust", "_permissions", "_peer_uid", "_formats")
    _ADOPTED = ("max_sz_args", "max_sz_ret", "lanes", "slots", "participants")

    def __init__(  # noqa: PLR0913  (each argument is named)
        self,
        name: str | bytes,
        max_sz_args: int = settings.MAX_SZ_ARGS,
        max_sz_ret: int = settings.MAX_SZ_RET,
        *,
        timeout: float | None = None,
        fail_fast: bool = False,
        raw: bool = False,
        arg_format: Any = None,
        ret_format: Any = None,
        lanes: int = settings.LANES,
        slots: int = settings.CALL_SLOTS,
        create: bool = True,
        persistent: bool | None = None,
        allow_pickle: bool | None = None,
        directory: str | os.PathLike[str] | None = None,
        mode: int = 0o600,
        peer_uid: int | None = None,
        max_participants: int = settings.MAX_PARTICIPANTS,
    ) -> None:
        if max_sz_ret < 0:
            raise ValueError(f"function {name!r}: max_sz_ret={max_sz_ret!r} is negative")
        settings.require_positive(
            f"function {name!r}", max_sz_args=max_sz_args, lanes=lanes, slots=slots, max_participants=max_participants
        )
        if timeout is not None and not timeout >= 0:
            raise ValueError(
                f"function {name!r}: timeout={timeout!r}: give seconds from 0 up, or None to wait for ever"
            )
        self._seconds, self._fail_fast, self._raw = timeout, fail_fast, raw
        self._trust, self._permissions, self._peer_uid = allow_pickle, mode, -1 if peer_uid is None else peer_uid
        self._formats = {"arg_format": arg_format, "ret_format": ret_format}
        self._open(
            encoded_name(name),
            settings.namespace_directory(directory),
            max_sz_args=settings.given(max_sz_args),
            max_sz_ret=settings.given(max_sz_ret),
            lanes=settings.given(lanes),
            slots=settings.given(slots),
            participants=settings.given(max_participants),
            persistent=persistent,
            create=create,
            uuid=None,
            **self._given(),
        )
        self._begin()

    def _begin(self) -> None:
        self._tasks: HostFunctionCaller | None = None
        self._opening = PerProcess(RLock)
        self._turns = turns.Turns()
        try:
            self._prepare(self._seconds, self._raw, self._fail_fast, remote.rebuild)
        except TooManyParticipants:
            gc.collect()  # a caller that was dropped is in a cycle with its calls, and keeps its lane until then
            self._prepare(self._seconds, self._raw, self._fail_fast, remote.rebuild)

    def _given(self) -> dict[str, Any]:
        return {**super()._given(), "allow_pickle": self._trust, **self._formats}

    def _check_pickle(self) -> None:
        """Allow it also where this caller was closed: the receiver gets a lane of its own."""
        for argument, declared in self._formats.items():
            require_reference(argument, declared)

    def _reopen(self, properties: dict[str, Any]) -> None:
        super()._reopen(properties)
        self._begin()

    def _check_open(self) -> None:
        self._check()

    def _another(self) -> HostFunctionCaller:
        """Open the same function once more, for calls in the midst of calls."""
        another = HostFunctionCaller.__new__(HostFunctionCaller)
        another.__setstate__(self._state())
        return another

    async def call_async(self, /, *arguments: Any, **keywords: Any) -> Any:
        """Call the function and return its result, or raise what it raised: `call`, in asyncio or trio.

        Waits as long as the caller's timeout says. Cancelled while it waits, the call is given up: what nobody had
        begun is taken back and not executed. Calls of tasks have a lane of their own, which the first of them takes.

        Raises:
            Timeout: The caller's timeout passed first; ``maybe_executed`` says whether a server had begun the call.
            PeerDied: The server died while it executed the call, which may have had its effect.
            NoResponse: The function gives no responses (``max_sz_ret=0``). The call was sent.
        """
        left = waiting.countdown(self._seconds)
        caller = self._for_tasks()
        pending = await caller._begin_async(arguments, keywords, self._seconds)  # noqa: SLF001  (of this class)
        pending._ticket = event_loop.Ticket()  # noqa: SLF001  (the binding's half of calls)
        try:
            await waiting.take(caller, pending._arrive, left())  # noqa: SLF001  (the binding's half of calls)
        except Timeout as timeout:
            raise pending._give_up(timeout) or timeout from None  # noqa: SLF001
        except BaseException:
            pending._give_up()  # noqa: SLF001
            raise
        return pending.result(0)

    def _for_tasks(self) -> HostFunctionCaller:
        """Return the endpoint for calls of tasks: what else waits to be collected here must not wake them."""
        with self._opening.here():  # loops of several threads may be here at once, and another that closes
            self._check()
            if self._tasks is None:
                tasks = self._another()
                tasks._prepare(0, self._raw, self._fail_fast, remote.rebuild)  # noqa: SLF001  (it never waits)
                self._tasks = tasks
            return self._tasks

    async def _begin_async(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any], timeout: float | None
    ) -> PendingCall:
        return await turns.take_in_turn(
            self._turns,
            self,
            lambda: self(*arguments, **keywords),
            timeout,
            expect=lambda: self._expect_slot(True),  # noqa: FBT003  (of the binding)
            relax=self._relax,
        )

    def _relax(self) -> None:
        if not self.closed:
            self._expect_slot(False)  # noqa: FBT003  (of the binding)

    def close(self) -> None:
        """Close the endpoint. Calls that nobody has begun are taken back; the others' responses are dropped."""
        super().close()
        if hasattr(self, "_opening"):  # else the constructor failed
            with self._opening.here():
                tasks = self._tasks
            if tasks is not None:
                tasks.close()

    def _progress(self) -> str:
        return "served" if self.is_served else "nobody serves it"

    def _described(self, condition: str, properties: dict[str, Any]) -> str:
        return f"{condition}, arguments of {properties['max_sz_args']} bytes, results of {properties['max_sz_ret']}"

    def stats(self) -> FunctionStatistics:
        """Return counters of the object and its state at this moment."""
        return statistics_of(self._statistics())

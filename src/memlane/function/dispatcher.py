"""The serving side: functions of this process that others call."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, final

from memlane import event_loop, settings
from memlane._native.dispatcher import Dispatcher, Request
from memlane._native.fork import PerProcess
from memlane._native.function import Function
from memlane.endpoint import Closing
from memlane.errors import CallCancelled, Closed, InvalidArgument, OwnershipLost, TooManyParticipants
from memlane.function import remote
from memlane.function.caller import FunctionStatistics, statistics_of
from memlane.gathering import Gathering, descriptor_for
from memlane.names import encoded_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Self

_LOGGER = logging.getLogger("memlane")


def _report(message: str, error: BaseException) -> None:
    """Log what no caller will see."""
    try:
        _LOGGER.error("%s: %s", message, error, exc_info=error)
    except Exception as failure:  # noqa: BLE001  (its own methods, and tracebacks of odd ones, may raise anything)
        _LOGGER.error("%s: %s, which raised %s when shown", message, type(error).__name__, type(failure).__name__)  # noqa: TRY400


def _serve(core: Dispatcher, stops: int) -> None:
    """Run in a thread. It knows the core alone, so that a dispatcher that nobody has any more can go."""
    while not _serve_once(core, stops):
        pass


def _serve_once(core: Dispatcher, stops: int) -> bool:
    try:
        core.serve(stops)
    except Closed:
        return True  # by the very callback that asked for the end of its thread
    except OwnershipLost as error:
        _report("a forked child does not serve", error)
    except BaseException as error:  # noqa: BLE001  (its caller has it; the other functions must go on)
        _report("a callback asked for the end of its thread", error)
        return False
    return True


# So many calls in a row are served before other tasks of the loop run.
_CALLS_AT_ONCE = 16


async def _finish(request: Request, result: Awaitable[Any]) -> None:
    """Wait for the result of a coroutine function and give it to the caller."""
    try:
        value = await result
    except Exception as error:  # noqa: BLE001  (it is the caller's)
        request.fail(error)
    except BaseException:
        request.fail(CallCancelled("the server stopped while it executed this call, which may have had its effect"))
        raise
    else:
        request.respond(value)


def _begin(request: Request) -> Awaitable[Any] | None:
    """Run the callback. Returns what is to be awaited, None where the call is answered."""
    try:
        value = request.invoke()
    except Exception as error:  # noqa: BLE001  (it is the caller's)
        request.fail(error)
        return None
    except BaseException as error:
        request.fail(error)
        raise
    if inspect.isawaitable(value):
        return value
    request.respond(value)
    return None


@final
class HostFunctionDispatcher(Closing):
    """Serves functions of this process to callers in any process of the host.

    It runs its functions one at a time, in the order of each caller's calls. Several dispatchers run in parallel, and
    may share a name: each call goes to exactly one of them. A callback that calls a function and waits for its result
    goes on serving meanwhile.

    Args:
        max_func_count: The most functions that can be added, 1 to 65,536.
        workers: Threads that serve: that many functions can run at once.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        mode: File mode of new objects, and the most that existing ones may have.
        peer_uid: Another user whose objects are accepted.
        allow_pickle: True loads pickles that others could have written, False loads none. Default: those that only this
            user and root can have written.

    Concurrency: all methods may be called from any thread.
    """

    def __init__(
        self,
        max_func_count: int = 16,
        *,
        workers: int = 1,
        directory: str | os.PathLike[str] | None = None,
        mode: int = 0o600,
        peer_uid: int | None = None,
        allow_pickle: bool | None = None,
    ) -> None:
        for argument, value in (("max_func_count", max_func_count), ("workers", workers)):
            if settings.whole_number(argument, value) < 1:
                raise ValueError(f"{argument}={value!r}: give 1 or more")
        if max_func_count > settings.FUNCTIONS_MAXIMUM:
            raise InvalidArgument(
                f"max_func_count={max_func_count!r}: a dispatcher can have 1 to {settings.FUNCTIONS_MAXIMUM} functions"
            )
        self._capacity = max_func_count
        self._directory = settings.namespace_directory(directory)
        self._mode = mode
        self._peer_uid = -1 if peer_uid is None else peer_uid
        self._allow_pickle = allow_pickle
        self._workers = workers
        self._core = Dispatcher(max_func_count, remote.describe, _report)
        self._functions: list[Function] = []
        self._threads: list[threading.Thread] = []
        self._lock = PerProcess(threading.RLock)  # reentrant: a signal handler may stop it in the midst of a start
        self._closed = False
        self._gathering: Gathering | None = None
        self._alarms: PerProcess[set[int]] = PerProcess(set)  # what rings the tasks that serve; under the lock
        # At exit the threads end with the process: its callbacks are not waited for.
        self._end = weakref.finalize(self, self._core.stop)
        self._end.atexit = False

    def add(  # noqa: PLR0913  (each argument is named)
        self,
        name: str | bytes,
        foo: Callable[..., Any],
        max_sz_args: int = settings.MAX_SZ_ARGS,
        max_sz_ret: int = settings.MAX_SZ_RET,
        *,
        arg_format: Any = None,
        ret_format: Any = None,
        lanes: int = settings.LANES,
        slots: int = settings.CALL_SLOTS,
        create: bool = True,
        persistent: bool | None = None,
        max_participants: int = settings.MAX_PARTICIPANTS,
    ) -> None:
        """Serve a function, now or from the start on.

        Args:
            name: As callers give it.
            foo: Called with the arguments of each call. Its result, ``None`` too, goes to the caller, and so does what
                it raises. Of a call by a C program it gets one ``bytes`` object, and returns bytes.
            max_sz_args: Bytes of the largest encoded arguments.
            max_sz_ret: Bytes of the largest encoded result; 0: calls are one-way.
            arg_format: Fixes what arguments are, for peers in C and C++, as at the caller. *foo* is then called with
                one value of it.
            ret_format: The same of results: what *foo* returns.
            lanes: Callers that the function can have at once.
            slots: Calls that each of them can have outstanding.
            create: False: a missing object is `ObjectNotFound`.
            persistent: False: the last endpoint to close removes the object.
            max_participants: Endpoints that can be open at once.

        Raises:
            SizeMismatch: The object has other sizes than were given.
            SchemaMismatch: The object has other formats than were given; the message names the first field.
            TooManyParticipants: More than ``max_func_count`` functions.
        """
        self._check_open()
        if not callable(foo):
            raise TypeError(f"function {name!r}: {foo!r} cannot be called")
        if max_sz_args < 1 or max_sz_ret < 0:
            raise ValueError(f"function {name!r}: max_sz_args={max_sz_args!r}, max_sz_ret={max_sz_ret!r} is no size")
        settings.require_positive(f"function {name!r}", lanes=lanes, slots=slots, max_participants=max_participants)
        function = Function()
        with self._lock.here():
            self._check_room(name)  # before anything is created
            function._open(  # noqa: SLF001  (the dispatcher is the other half of the binding)
                encoded_name(name),
                self._directory,
                max_sz_args=settings.given(max_sz_args),
                max_sz_ret=settings.given(max_sz_ret),
                lanes=settings.given(lanes),
                slots=settings.given(slots),
                participants=settings.given(max_participants),
                persistent=persistent,
                mode=self._mode,
                peer_uid=self._peer_uid,
                create=create,
                uuid=None,
                allow_pickle=self._allow_pickle,
                arg_format=arg_format,
                ret_format=ret_format,
            )
            self._core.add(function, foo)
            self._functions.append(function)
            self._ring()
            if self._gathering is not None and not self._gathering.is_foreign:
                self._gathering.add(function.fileno())

    attach = add

    def _check_room(self, name: str | bytes) -> None:
        if len(self._functions) >= self._capacity:
            raise TooManyParticipants(
                f"function {name!r}: this dispatcher was made for {self._capacity} functions (max_func_count) and has"
                " as many: make it for more, or add to another"
            )

    # -- serving ---------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Serve in daemon threads, one for each of the workers. Functions can still be added. Does nothing twice."""
        self._check_open()
        with self._lock.here():
            self._start_threads(self._workers, self._core.resume())
        return self

    def _start_threads(self, count: int, stops: int) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for number in range(len(self._threads), count):
            thread = threading.Thread(target=_serve, args=(self._core, stops), name=f"memlane-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def serve_forever(self) -> None:
        """Serve in this thread (and, with more workers, in others) until `stop`, or Ctrl-C."""
        self._check_open()
        with self._lock.here():
            stops = self._core.resume()
            self._start_threads(self._workers - 1, stops)
        try:
            self._core.serve(stops)
        except BaseException:
            self._core.stop()  # nobody must take it for served; a callback in another thread is not waited for
            raise

    async def serve_async(self) -> None:
        """Serve in this task, in asyncio or trio, until `stop`. Callbacks may be coroutine functions.

        Plain callbacks run one at a time, in the loop; what coroutine functions return is awaited beside them, any
        number at once. Cancelled, it takes no further call, and cancels what it awaits: those callers get
        `CallCancelled`.
        """
        self._check_open()
        with contextlib.ExitStack() as stack:
            alarm = descriptor_for("serve_async()", lambda: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            stack.callback(os.close, alarm)
            gathering = Gathering("serve_async()")
            stack.callback(gathering.close)
            gathering.add(alarm)
            stack.callback(self._leave, alarm)
            with self._lock.here():
                self._alarms.here().add(alarm)
                stops = self._core.resume()
            async with event_loop.crew() as crew:
                await self._serve_tasks(crew, gathering, alarm, stops)

    def _leave(self, alarm: int) -> None:
        """End the service of a task; that of the dispatcher, where it was the last: nobody must take it for served."""
        with self._lock.here():
            alarms = self._alarms.here()
            alarms.discard(alarm)
            if not alarms and not self.running and not self._core.active:
                self._core.stop()

    async def _serve_tasks(self, crew: Any, gathering: Gathering, alarm: int, stops: int) -> None:
        while True:
            with self._lock.here():  # `close` waits: a descriptor that it closed could be another object's already
                for function in self._functions:
                    if not function.closed:
                        gathering.add(function.fileno())
            try:
                while self._serve_some(crew, stops):
                    await event_loop.pass_on()
            except Closed:
                return
            await event_loop.wait_until_readable(gathering.fileno(), None)
            with contextlib.suppress(BlockingIOError):  # a call came, and nobody rang
                os.eventfd_read(alarm)

    def _serve_some(self, crew: Any, stops: int) -> bool:
        """Serve a few calls; False: none is left."""
        for _ in range(_CALLS_AT_ONCE):
            request = self._core.take_now(stops)
            if request is None:
                return False
            result = _begin(request)
            if result is not None:
                crew.start_soon(_finish, request, result)
        return True

    def _ring(self) -> None:
        """Let every task in `serve_async` look around. Under the lock."""
        for alarm in self._alarms.here():
            os.eventfd_write(alarm, 1)

    def fileno(self) -> int:
        """Return a descriptor that is readable while a call is there to be served, for `select` and event loops.

        It is level-triggered and belongs to the dispatcher; nothing can be read from it. A forked child gets another.
        """
        self._check_open()
        with self._lock.here():
            if self._gathering is None or self._gathering.is_foreign:
                self._gathering = Gathering("the fileno() of a dispatcher")
            for function in self._functions:
                self._gathering.add(function.fileno())
            return self._gathering.fileno()

    def _pollables(self) -> tuple[Function, ...]:
        self._check_open()
        return tuple(self._functions)

    def stop(self) -> None:
        """Serve no more: what is being executed comes to its end, the rest waits for another dispatcher, or `start`."""
        with self._lock.here():
            self._core.stop()
            self._ring()
            threads, self._threads = self._threads, []
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()

    def close(self) -> None:
        """Stop, and close the functions. May be called twice."""
        self._closed = True
        self.stop()
        with self._lock.here():
            self._core.close()
            for function in self._functions:
                function._close()  # noqa: SLF001
            if self._gathering is not None:
                self._gathering.close()

    # -- what it is ------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this dispatcher was closed: make another")

    @property
    def closed(self) -> bool:
        """Whether the dispatcher was closed."""
        return self._closed

    @property
    def running(self) -> bool:
        """Whether threads of this dispatcher serve."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def names(self) -> tuple[str, ...]:
        """The functions, in the order in which they were added."""
        return tuple(function.name for function in self._functions)

    @property
    def name(self) -> str:
        """All names, for messages."""
        return ", ".join(self.names)

    def stats(self) -> dict[str, FunctionStatistics]:
        """Return the counters of each function, by name."""
        return {function.name: statistics_of(function._statistics()) for function in self._functions}  # noqa: SLF001

    def __reduce__(self) -> str:
        """Refuse: its functions run in this process."""
        raise TypeError("a dispatcher does not pickle: make one in the other process, and add its functions there")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "serving" if self.running else "stopped"
        return f"<memlane.HostFunctionDispatcher: {state}, {len(self._functions)} functions: {self.name}>"

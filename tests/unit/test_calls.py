"""Calls of one process into itself: values, errors, and how calls end."""

from __future__ import annotations

import datetime as dt
import gc
import operator
import os
import pickle
import random
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostFunctionCaller, HostFunctionDispatcher
from tests.children import answer_of_child
from tests.peer import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    Served: TypeAlias = Callable[..., HostFunctionCaller]

PATIENCE = 20.0


@pytest.fixture
def dispatcher(namespace: Path) -> Iterator[HostFunctionDispatcher]:
    """Give a dispatcher that serves in a thread of its own."""
    with HostFunctionDispatcher() as serving:
        yield serving.start()


@pytest.fixture
def served(dispatcher: HostFunctionDispatcher) -> Iterator[Callable[..., HostFunctionCaller]]:
    """Give what serves a function and opens a caller of it."""
    callers: list[HostFunctionCaller] = []

    def serve(foo: Callable[..., Any], **options: Any) -> HostFunctionCaller:
        name = f"function-{len(callers)}"
        dispatcher.add(name, foo, **options)
        callers.append(HostFunctionCaller(name, timeout=PATIENCE))
        return callers[-1]

    yield serve
    for caller in callers:
        caller.close()


# -- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        -(10**30),
        2.5,
        "text",
        b"bytes",
        (1, (2, 3)),
        [None, True],
        {"a": {"b": [1]}},
        {1, 2},
        dt.date(2020, 2, 29),
        b"x" * 4000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_as_it_went(served: Served, value: object) -> None:
    """None is a response like any other, and types are kept."""
    identity = served(lambda it: it)

    result = identity.call(value)

    assert result == value
    assert type(result) is type(value)


def test_arguments_may_be_none_many_and_named(served: Served) -> None:
    """A remote function is called like one's own."""
    collect = served(lambda *arguments, **keywords: (arguments, keywords))

    assert collect.call() == ((), {})
    assert collect.call(1, "b", (2,)) == ((1, "b", (2,)), {})
    assert collect.call(1, two=2, three=[3]) == ((1,), {"two": 2, "three": [3]})
    assert collect.call(day=dt.date(2020, 1, 1)) == ((), {"day": dt.date(2020, 1, 1)})


def test_arrays_of_eight_megabytes_go_and_come(served: Served) -> None:
    """Payloads of any size that was agreed on."""
    double = served(lambda array: array * 2, max_sz_args=9_000_000, max_sz_ret=9_000_000)
    image = np.arange(1_000_000, dtype=np.float64).reshape(1000, 1000)

    for _ in range(3):
        result = double.call(image)

    assert result.dtype == image.dtype
    assert np.array_equal(result, image * 2)
    result[0, 0] = 1  # it is the caller's own
    both = served(lambda array, point: (array, point), max_sz_args=9_000_000, max_sz_ret=9_000_000)
    pair = both.call(image, point=complex(1, 2))  # pickled, with the array beside it
    assert np.array_equal(pair[0], image)
    assert pair[1] == complex(1, 2)


def test_the_patterns_of_the_old_programs_work(namespace: Path) -> None:
    """Only the import changes: start first, add afterwards; a datetime gives a timedelta; 10,000 random integers."""
    begin = dt.datetime(2020, 1, 1)  # noqa: DTZ001  (as the old program does)
    dispatcher = HostFunctionDispatcher(2)
    dispatcher.start()
    dispatcher.add("age", lambda moment: moment - begin)
    dispatcher.add("before", lambda x: x - 1)
    age, before = HostFunctionCaller("age"), HostFunctionCaller("before")
    numbers = [random.randint(-(10**9), 10**9) for _ in range(10_000)]

    age(begin + dt.timedelta(days=3))
    assert age.get_response() == dt.timedelta(days=3)
    for number in numbers:
        before(number)
        assert before.get_response() == number - 1

    age.close()
    before.close()
    dispatcher.close()


# -- responses ------------------------------------------------------------------------------------------------


def test_responses_come_in_the_order_of_the_calls(served: Served) -> None:
    """Far more calls than slots: those that are over make room."""
    square = served(lambda x: x * x)

    for number in range(100):
        square(number)

    assert [square.get_response() for _ in range(100)] == [number * number for number in range(100)]
    with pytest.raises(memlane.NoResponse, match="every response was taken already"):
        square.get_response()


def test_a_response_that_was_taken_otherwise_is_not_given_again(served: Served) -> None:
    """Each response has one owner, and a pending call gives its own as often as it is asked."""
    square = served(lambda x: x * x)
    calls = [square(number) for number in range(6)]

    assert calls[3].result() == 9
    assert calls[0].result() == 0
    assert [square.get_response() for _ in range(4)] == [1, 4, 16, 25]
    assert [call.result() for call in calls] == [0, 1, 4, 9, 16, 25]
    assert all(call.done() for call in calls)


def test_threads_that_collect_get_each_another_response(namespace: Path) -> None:
    """No response may be given twice, or a result counts double."""
    got: list[int] = []
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("neg", timeout=PATIENCE) as neg:
        dispatcher.add("neg", operator.neg)
        pending = [neg(1), neg(2)]
        begun = threading.Barrier(len(pending) + 1)

        def collect() -> None:
            begun.wait(PATIENCE)
            got.append(neg.get_response())

        threads = [threading.Thread(target=collect) for _ in pending]
        for thread in threads:
            thread.start()
        begun.wait(PATIENCE)
        dispatcher.start()
        for thread in threads:
            thread.join()
    assert sorted(got) == [-2, -1]


def test_a_response_that_did_not_come_in_time_is_still_the_next(namespace: Path) -> None:
    """Who gave up waiting has not taken it."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("neg", timeout=PATIENCE) as neg:
        neg(1)
        with pytest.raises(memlane.Timeout):
            neg.get_response(timeout=0)
        dispatcher.add("neg", operator.neg)
        dispatcher.start()
        assert neg.get_response() == -1


def test_the_newest_1024_responses_are_kept(served: Served) -> None:
    """Responses that nobody collects never block anybody, and their number is bounded."""
    identity = served(lambda x: x)
    calls = 3000

    for number in range(calls):
        identity(number)
    wait_until(lambda: identity.stats().served == calls, "all calls are served")

    first = identity.get_response()
    assert calls - 1024 - 8 <= first <= calls - 1024
    assert identity.get_response() == first + 1
    assert 0 <= identity.stats().dropped - (calls - 1024) <= 8 or identity.stats().dropped >= calls - 1024 - 8


@pytest.mark.slow
def test_a_hundred_thousand_calls_that_nobody_collects_block_nobody(served: Served) -> None:
    """Fire and forget, with responses and without."""
    executed: list[int] = []
    count = served(executed.append)
    one_way = served(executed.append, max_sz_ret=0)

    for number in range(50_000):
        count(number)
        one_way(number)
    wait_until(lambda: len(executed) == 100_000, "all calls are executed")

    assert count.call(-1) is None


def test_a_one_way_call_has_no_response(served: Served) -> None:
    """``max_sz_ret=0``: asking for a response is an error at once, and the call was sent."""
    executed: list[str] = []
    log = served(executed.append, max_sz_ret=0)

    pending = log("first")

    with pytest.raises(memlane.NoResponse, match="max_sz_ret=0, so its calls are one-way"):
        pending.result()
    with pytest.raises(memlane.NoResponse, match="one-way"):
        log.get_response()
    with pytest.raises(memlane.NoResponse, match="one-way"):
        log.call("second")
    assert pending.done()
    wait_until(lambda: executed == ["first", "second"], "both calls are executed")


def test_threads_that_share_a_caller_get_each_its_own_results(served: Served) -> None:
    """However many threads there are: one caller."""
    identity = served(lambda x: x)
    wrong: list[object] = []

    def use(thread: int) -> None:
        for number in range(500):
            if identity.call((thread, number)) != (thread, number):
                wrong.append(number)
            pending = identity(-number)
            if pending.result() != -number:
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


class Unfolding:
    """A result that takes its time to become one at the caller."""

    begun = threading.Event()
    may_end = threading.Event()

    def __setstate__(self, state: object) -> None:
        self.begun.set()
        self.may_end.wait(PATIENCE)

    def __getstate__(self) -> int:
        return 1


@pytest.mark.slow
def test_a_thread_that_waits_for_a_slot_sleeps_while_another_takes_its_response(namespace: Path) -> None:
    """Who keeps looking takes the processor, and the GIL, from the one that it waits for."""
    used: list[float] = []
    Unfolding.begun.clear()
    Unfolding.may_end.clear()
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("f", timeout=PATIENCE, slots=1) as caller:
        dispatcher.add("f", lambda is_slow: Unfolding() if is_slow else None)
        dispatcher.start()

        def call() -> None:
            caller.call(None)
            used.append(time.thread_time())

        slow = threading.Thread(target=caller.call, args=(True,))
        slow.start()
        Unfolding.begun.wait()
        quick = threading.Thread(target=call)
        quick.start()
        quick.join(0.5)
        Unfolding.may_end.set()
        slow.join()
        quick.join()

    assert used[0] < 0.1


def test_threads_may_wait_for_one_call(namespace: Path) -> None:
    """A pending call is shared like a future."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("late", timeout=PATIENCE) as late:
        dispatcher.add("late", lambda: bytes(1_000_000), max_sz_ret=4096)
        pending = late()
        found: list[object] = []

        def wait() -> None:
            with pytest.raises(memlane.ValueTooLarge) as caught:
                pending.result()
            found.append(caught.value)

        threads = [threading.Thread(target=wait) for _ in range(4)]
        for thread in threads:
            thread.start()
        dispatcher.start()
        for thread in threads:
            thread.join()

        assert len(found) == 4


# -- sizes ----------------------------------------------------------------------------------------------------


def test_arguments_that_are_too_large_are_refused_where_they_are(served: Served) -> None:
    """The error says both sizes; the caller goes on."""
    identity = served(len, max_sz_args=100)

    with pytest.raises(memlane.ValueTooLarge, match=r"the arguments take \d+ bytes, at most max_sz_args=100 fit"):
        identity.call(b"x" * 200)
    with pytest.raises(memlane.ValueTooLarge, match="max_sz_args=100"):
        identity.call({dt.date(2020, 1, 1): "x" * 200})

    assert identity.call(b"x" * 50) == 50


def test_a_result_that_is_too_large_reaches_the_caller_as_that_error(served: Served) -> None:
    """Never a stuck function: the error comes where the value was wanted."""
    make = served(lambda size, kind=bytes: kind(bytes(size)), max_sz_ret=100)

    with pytest.raises(memlane.ValueTooLarge, match=r"the result takes \d+ bytes, at most max_sz_ret=100 fit"):
        make.call(200)
    with pytest.raises(memlane.ValueTooLarge, match="max_sz_ret=100"):
        make.call(5000, kind=bytearray)

    assert make.call(50) == bytes(50)


def test_sizes_that_differ_are_refused_at_either_side(namespace: Path) -> None:
    """The old library's tunnel stopped working; this one says so at once."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("first", 100, 200):
        with pytest.raises(
            memlane.SizeMismatch, match="max_sz_args=4096 was asked for, the object has max_sz_args=100"
        ):
            dispatcher.add("first", print, 4096)
        dispatcher.add("first", print)  # what was not given adopts what is there
        dispatcher.add("second", print, 300, 400)
        with pytest.raises(memlane.SizeMismatch, match="max_sz_ret=401 was asked for, the object has max_sz_ret=400"):
            HostFunctionCaller("second", max_sz_ret=401)
        assert dispatcher.names == ("first", "second")


def test_a_dispatcher_has_room_for_as_many_functions_as_it_was_made_for(namespace: Path) -> None:
    """One more is an error that says how many there may be."""
    with HostFunctionDispatcher(2) as dispatcher:
        dispatcher.attach("first", print)
        dispatcher.add("second", print)
        with pytest.raises(memlane.TooManyParticipants, match=r"made for 2 functions \(max_func_count\)"):
            dispatcher.add("third", print)
        assert not (namespace / "third").exists()  # what is refused leaves nothing


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: HostFunctionCaller("f", 0), "max_sz_args=0 is not positive"),
        (lambda: HostFunctionCaller("f", max_sz_ret=-1), "max_sz_ret=-1 is negative"),
        (lambda: HostFunctionCaller("f", lanes=2000), "lanes=2000 is not between 1 and 1024"),
        (lambda: HostFunctionCaller("f", timeout=-1), "give seconds from 0"),
        (lambda: HostFunctionDispatcher(0), "max_func_count=0: give 1 or more"),
        (lambda: HostFunctionDispatcher(workers=0), "workers=0: give 1 or more"),
        (lambda: HostFunctionDispatcher(2**40), "max_func_count=1099511627776: a dispatcher can have 1 to 65536"),
        (lambda: HostFunctionDispatcher(65537), "max_func_count=65537: a dispatcher can have 1 to 65536"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(namespace: Path, make: Callable[[], object], match: str) -> None:
    """Wrong use is a ValueError that names the argument."""
    with pytest.raises(ValueError, match=match):
        make()
    assert list(namespace.iterdir()) == []


def test_what_cannot_be_called_is_refused(namespace: Path) -> None:
    """At once, and not at the first call."""
    with HostFunctionDispatcher() as dispatcher, pytest.raises(TypeError, match="cannot be called"):
        dispatcher.add("number", 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["max_func_count", "workers"])
def test_a_count_that_is_no_whole_number_is_refused(namespace: Path, argument: str) -> None:
    """Half a function must not become one, or none, without a word."""
    with pytest.raises(TypeError, match=f"{argument}=1.5 is float: give a whole number"):
        HostFunctionDispatcher(**{argument: 1.5})  # type: ignore[arg-type]


def test_a_dispatcher_can_have_as_many_functions_as_it_says(namespace: Path) -> None:
    """The binding and the library have one and the same limit."""
    HostFunctionDispatcher(65536).close()


# -- exceptions -----------------------------------------------------------------------------------------------


class OwnError(Exception):
    """A type that no caller knows."""


class Liar(ValueError):
    """A subclass of a known type is not that type."""


class Opaque(Exception):
    """An exception that says nothing of itself."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError


def raise_it(error: Exception) -> None:
    """Raise what was sent."""
    raise error


@pytest.mark.parametrize(
    "error",
    [
        KeyError("pose", 3),
        ValueError("no"),
        ZeroDivisionError(),
        FileNotFoundError(2, "No such file or directory", "/nowhere"),
        OSError(18, "Invalid cross-device link", "/here", None, "/there"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        memlane.Empty("never written"),
        memlane.Timeout(110, "late"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_known_exception_arrives_with_its_type_and_traceback(served: Served, error: Exception) -> None:
    """The caller handles it as if the function were its own."""
    fail = served(raise_it)

    with pytest.raises(type(error)) as caught:
        fail.call(error)

    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert caught.value.args == error.args
    assert isinstance(caught.value.__cause__, memlane.RemoteTraceback)
    assert "in raise_it" in str(caught.value.__cause__)


@pytest.mark.parametrize("error", [OwnError("odd"), Liar("odd"), ValueError(object), SystemExit(3)])
def test_other_exceptions_arrive_as_remote_errors(served: Served, error: BaseException) -> None:
    """No type is made from a name that came over shared memory, but those of a table, from plain arguments."""

    def fail() -> None:
        raise error

    with pytest.raises(memlane.RemoteError, match=type(error).__name__) as caught:
        served(fail).call()

    assert caught.value.type_name.rpartition(".")[2] == type(error).__name__
    assert "in fail" in caught.value.remote_traceback


def test_an_exception_arrives_where_there_is_room_for_one_byte(served: Served) -> None:
    """Errors have room of their own; long ones are cut."""
    fail = served(raise_it, max_sz_ret=1)

    with pytest.raises(ValueError, match="no"):
        fail.call(ValueError("no"))
    with pytest.raises(memlane.RemoteError, match="ValueError: xxx"):
        fail.call(ValueError("x" * 3500))


def test_an_exception_that_cannot_say_its_text_arrives(served: Served) -> None:
    """Nothing that a callback raises may be lost, or end the dispatcher."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise Mute

    with pytest.raises(memlane.RemoteError, match="Mute: <its __str__ raised RuntimeError>"):
        served(fail).call()


def test_a_function_is_called_with_the_arguments_that_it_takes(served: Served) -> None:
    """A wrong call is the caller's TypeError."""
    with pytest.raises(TypeError, match="argument"):
        served(lambda one: one).call(1, 2)


def test_a_one_way_exception_is_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else would see it."""
    fail = served(raise_it, max_sz_ret=0)
    fail(ValueError("lost?"))
    wait_until(lambda: "exception in a one-way function: lost?" in caplog.text, "the exception is logged")


def test_an_exception_that_python_cannot_print_arrives(served: Served) -> None:
    """Its caller would wait for ever, and so would those of all other functions."""

    def fail() -> None:
        raise ValueError("odd") from Opaque()

    with pytest.raises(ValueError, match="odd") as caught:
        served(fail).call()

    assert "its traceback cannot be shown: RuntimeError" in str(caught.value.__cause__)
    assert served(operator.neg).call(1) == -1


def test_an_exception_whose_text_ends_the_thread_arrives(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """However an exception behaves, the caller gets one."""

    class Final(Exception):
        def __str__(self) -> str:
            raise SystemExit

    def fail() -> None:
        raise Final

    with pytest.raises(memlane.RemoteError, match="whose description was interrupted"):
        served(fail).call()

    assert served(operator.neg).call(1) == -1
    assert "a callback asked for the end of its thread" in caplog.text


def test_a_one_way_exception_that_python_cannot_print_is_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """A log must not end a dispatcher."""

    def fail() -> None:
        raise Opaque

    served(fail, max_sz_ret=0)()

    assert served(operator.neg).call(1) == -1
    assert "exception in a one-way function: Opaque, which raised RuntimeError when shown" in caplog.text


# -- how calls end --------------------------------------------------------------------------------------------


def test_a_call_waits_until_somebody_serves_it(namespace: Path) -> None:
    """The order in which programs start does not matter."""
    with HostFunctionCaller("add", timeout=PATIENCE) as add, HostFunctionDispatcher() as dispatcher:
        pending = add(1, 2)
        assert not pending.done()
        dispatcher.add("add", operator.add)
        dispatcher.start()
        assert pending.result() == 3


def test_a_call_that_times_out_says_what_became_of_it(namespace: Path) -> None:
    """Nobody had begun it: that is certain, and it will not be executed."""
    executed: list[int] = []
    with HostFunctionCaller("add", timeout=0.05) as add, HostFunctionDispatcher() as dispatcher:
        with pytest.raises(memlane.Timeout, match="nobody serves it; nobody had begun it: it was taken back") as caught:
            add.call(1)
        assert caught.value.maybe_executed is False
        dispatcher.add("add", executed.append)
        dispatcher.start()
        add2 = HostFunctionCaller("add", timeout=PATIENCE)
        add2.call(2)
        add2.close()
    assert executed == [2]


def test_a_call_that_times_out_in_its_server_may_have_been_executed(namespace: Path) -> None:
    """The caller is told so; the response goes to nobody, and the slot comes back."""
    begun, go = threading.Event(), threading.Event()

    def slow(number: int) -> int:
        begun.set()
        go.wait(PATIENCE)
        return number

    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("slow", timeout=0.2, slots=1) as caller:
        dispatcher.add("slow", slow)
        dispatcher.start()
        with pytest.raises(memlane.Timeout, match="a server had begun it") as caught:
            caller.call(1)
        assert begun.is_set()
        assert caught.value.maybe_executed is True
        with pytest.raises(memlane.Timeout, match="slots=1; 0 wait for a server, 1 are being executed"):
            caller.call(2)
        go.set()
        wait_until(lambda: caller.stats().executing == 0, "the first call is over")
        assert caller.call(3) == 3
        assert caller.stats().abandoned == 1


def test_a_pending_call_can_be_waited_for_again(namespace: Path) -> None:
    """A timeout of a wait is not the end of the call."""
    with HostFunctionCaller("add") as add, HostFunctionDispatcher() as dispatcher:
        pending = add(1, 2)
        with pytest.raises(memlane.Timeout, match="no response came in time: nobody serves it") as caught:
            pending.result(timeout=0)
        assert caught.value.maybe_executed is None
        with pytest.raises(memlane.Timeout):
            add.get_response(timeout=0.01)
        dispatcher.add("add", operator.add)
        dispatcher.start()
        assert add.get_response(timeout=PATIENCE) == 3


def test_a_cancelled_call_is_never_executed(namespace: Path) -> None:
    """True means certainty; what was begun cannot be cancelled."""
    executed: list[int] = []
    with HostFunctionCaller("add", timeout=PATIENCE) as add, HostFunctionDispatcher() as dispatcher:
        first, second = add(1), add(2)
        assert first.cancel()
        assert first.cancel()
        with pytest.raises(memlane.CallCancelled, match="cancelled before anybody had begun it"):
            first.result()
        dispatcher.add("add", executed.append)
        dispatcher.start()
        assert second.result() is None
        assert not second.cancel()
        assert second.result() is None
        assert executed == [2]
        assert add.stats().withdrawn == 1


def test_a_cancelled_call_has_no_response_to_take(namespace: Path) -> None:
    """Who takes responses in their order gets that of the next call."""
    with HostFunctionCaller("add", timeout=PATIENCE) as add, HostFunctionDispatcher() as dispatcher:
        first = add(1, 1)
        add(2, 2)
        assert first.cancel()
        dispatcher.add("add", operator.add)
        dispatcher.start()
        assert add.get_response() == 4
        with pytest.raises(memlane.NoResponse):
            add.get_response()


def test_callers_that_nobody_has_any_more_make_room(served: Served) -> None:
    """A caller for one call, dropped with the response in it, is in a cycle with that call."""
    identity = served(lambda x: x, lanes=4)

    for number in range(20):
        HostFunctionCaller(identity.name)(number)

    assert identity.call(5) == 5


def test_no_server_is_an_error_for_those_in_haste(namespace: Path) -> None:
    """``fail_fast=True``: the call was not executed, and will not be."""
    executed: list[int] = []
    with HostFunctionCaller("add", fail_fast=True) as add, HostFunctionDispatcher() as dispatcher:
        with pytest.raises(memlane.NoServer, match="nobody serves it and fail_fast was asked for"):
            add.call(1)
        with pytest.raises(memlane.NoServer):
            add(2).result()
        dispatcher.add("add", executed.append)
        dispatcher.start()
        add.call(3)
        assert executed == [3]
        assert repr(add).startswith("<memlane.HostFunctionCaller 'add': served")


def test_more_calls_than_slots_block_and_time_out(namespace: Path) -> None:
    """Backpressure: a caller that nobody answers cannot pile up calls."""
    with HostFunctionCaller("add", slots=3, timeout=0.05) as add:
        for number in range(3):
            add(number)
        with pytest.raises(memlane.Timeout, match=r"slots=3; 3 wait for a server.*nobody serves it"):
            add(3)


def test_closing_ends_calls_and_says_what_is_known(namespace: Path) -> None:
    """After close() every operation raises Closed; calls that nobody had begun are taken back."""
    caller = HostFunctionCaller("add")
    pending = caller(1)
    caller.close()
    caller.close()

    with pytest.raises(memlane.Closed, match="nobody had begun it: it was taken back"):
        pending.result()
    uses: list[Callable[[], object]] = [
        lambda: caller.call(1),
        lambda: caller(1),
        lambda: caller.is_served,
        caller.get_response,
        caller.stats,
        caller.__enter__,
    ]
    for use in uses:
        with pytest.raises(memlane.Closed):
            use()
    assert caller.closed
    assert "closed" in repr(caller)
    assert "raised" in repr(pending)


def test_cancelling_says_the_same_however_often_it_is_asked(namespace: Path) -> None:
    """Who asks again, or after the close, must not be told that the call may have been executed."""
    caller = HostFunctionCaller("add")
    cancelled, taken_back = caller(1), caller(2)

    assert (cancelled.cancel(), cancelled.cancel()) == (True, True)
    caller.close()

    assert (taken_back.done(), taken_back.cancel(), cancelled.cancel()) == (True, True, True)


def test_cancelling_what_was_executed_says_so_after_the_close(served: Served) -> None:
    """A result that came is no call that was taken back."""
    with served(operator.neg) as neg:
        pending = neg(1)
        assert pending.result() == -1

    assert (pending.done(), pending.cancel(), pending.result()) == (True, False, -1)


def test_closing_ends_the_wait_of_another_thread(namespace: Path) -> None:
    """A thread that waits for ever can be let go."""
    caller = HostFunctionCaller("add")
    pending = caller(1)
    caught: list[BaseException] = []

    def wait() -> None:
        with pytest.raises(memlane.Closed) as found:
            pending.result()
        caught.append(found.value)

    thread = threading.Thread(target=wait)
    thread.start()
    caller.close()
    thread.join()
    assert len(caught) == 1


def test_a_pending_call_outlives_its_caller(namespace: Path) -> None:
    """Nothing dangles when the caller is collected first."""
    pending = HostFunctionCaller("add")(1)
    gc.collect()
    assert not pending.done()
    del pending
    gc.collect()


def test_a_child_forked_in_a_callback_calls_as_any_other_process(served: Served) -> None:
    """It has the parent's callback on its stack, and serves nobody."""

    def call_from_child() -> object:
        return answer_of_child(lambda: HostFunctionCaller("later", timeout=PATIENCE).call(1))

    pending = served(call_from_child)()
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("later") as observer:
        wait_until(lambda: pending.done() or observer.stats().waiting == 1, "the child waits")
        dispatcher.add("later", operator.neg)
        dispatcher.start()
        assert pending.result() == -1


# -- dispatchers ----------------------------------------------------------------------------------------------


def test_a_dispatcher_can_be_stopped_and_started_again(namespace: Path) -> None:
    """Calls that come meanwhile wait."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("add", timeout=PATIENCE) as add:
        dispatcher.add("add", operator.add)
        for round_ in range(3):
            dispatcher.start()
            before = dispatcher.running
            assert add.call(round_, 1) == round_ + 1
            dispatcher.stop()
            assert (before, dispatcher.running) == (True, False)
            pending = add(1, 1)
            assert not add.is_served
            assert pending.cancel()
        assert repr(dispatcher) == "<memlane.HostFunctionDispatcher: stopped, 1 functions: add>"
    with pytest.raises(memlane.Closed, match="this dispatcher was closed"):
        dispatcher.start()
    with pytest.raises(memlane.Closed):
        dispatcher.add("add", operator.add)
    assert dispatcher.closed


def test_a_dispatcher_that_is_collected_stops(namespace: Path) -> None:
    """The old library's ``__del__``."""
    dispatcher = HostFunctionDispatcher()
    dispatcher.add("add", operator.add)
    dispatcher.start()
    threads = dispatcher._threads
    with HostFunctionCaller("add", timeout=PATIENCE) as add:
        assert add.call(1, 2) == 3
        del dispatcher
        gc.collect()
        threads.pop().join(PATIENCE)
        assert not add.is_served


def test_serving_in_this_thread_ends_by_stop(namespace: Path) -> None:
    """``serve_forever`` is for programs that do nothing else."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("end", timeout=PATIENCE) as end:
        dispatcher.add("end", dispatcher._core.stop)
        pending = end()
        dispatcher.serve_forever()
        assert pending.result() is None


def test_a_dispatcher_started_again_before_it_came_to_rest_has_one_thread(namespace: Path) -> None:
    """The former thread would go on beside the new one, and ``stop`` wait for it for ever."""
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return go_on.wait(PATIENCE)

    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("hold", timeout=PATIENCE) as caller:
        dispatcher.add("hold", hold)
        dispatcher.start()
        former = dispatcher._threads[0]
        pending = caller()
        begun.wait(PATIENCE)
        stopping = threading.Thread(target=dispatcher.stop)
        stopping.start()
        wait_until(lambda: not dispatcher.running, "the other thread waits for the callback")
        dispatcher.start()
        go_on.set()
        stopping.join(PATIENCE)
        assert not former.is_alive()
        assert pending.result()
        assert caller.call()


def test_a_dispatcher_that_a_callback_ended_serves_nobody(namespace: Path) -> None:
    """Ctrl-C in ``serve_forever`` leaves nobody who waits for an answer of it."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("interrupt", timeout=PATIENCE) as caller:
        dispatcher.add("interrupt", interrupt)
        caller()
        with pytest.raises(KeyboardInterrupt):
            dispatcher.serve_forever()
        assert not caller.is_served


def test_a_callback_can_close_its_dispatcher_and_end_its_thread(
    namespace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread must end, and not look for a dispatcher that is gone."""
    dispatcher = HostFunctionDispatcher()

    def end() -> None:
        dispatcher.close()
        raise SystemExit

    dispatcher.add("end", end)
    dispatcher.start()
    thread = dispatcher._threads[0]
    with HostFunctionCaller("end", timeout=PATIENCE) as caller:
        with pytest.raises(memlane.RemoteError, match="SystemExit"):
            caller.call()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(caplog.records) == 1


def test_functions_of_one_dispatcher_run_one_at_a_time(served: Served) -> None:
    """Callbacks need no locks of their own."""
    inside: list[int] = []
    most: list[int] = []

    def enter(number: int) -> None:
        inside.append(number)
        most.append(len(inside))
        inside.remove(number)

    first, second = served(enter), served(enter)
    calls = [caller(number) for number in range(200) for caller in (first, second)]
    for call in calls:
        call.result()

    assert max(most) == 1


def test_workers_run_functions_at_once(namespace: Path) -> None:
    """``workers=N``: a slow function holds up nobody as long as a thread is free."""
    together = threading.Barrier(3)
    with HostFunctionDispatcher(workers=3) as dispatcher, HostFunctionCaller("meet", timeout=PATIENCE) as meet:
        dispatcher.add("meet", lambda: together.wait(PATIENCE))
        dispatcher.start()
        calls = [meet() for _ in range(3)]
        assert sorted(call.result() for call in calls) == [0, 1, 2]


def test_a_hundred_functions_in_one_dispatcher(namespace: Path) -> None:
    """Each is found, and added while the others are served."""
    with HostFunctionDispatcher(100) as dispatcher:
        dispatcher.start()
        callers = []
        for number in range(100):
            dispatcher.add(f"add-{number}", lambda x, number=number: x + number, lanes=1)
            callers.append(HostFunctionCaller(f"add-{number}", timeout=PATIENCE))
        for number, caller in reversed(list(enumerate(callers))):
            assert caller.call(1000) == 1000 + number
        assert len(dispatcher.stats()) == 100
        for caller in callers:
            caller.close()


# -- calls within calls (D29) ---------------------------------------------------------------------------------


def test_a_function_can_call_another_of_its_own_dispatcher(served: Served) -> None:
    """Who waits inside a callback goes on serving."""
    inner = served(lambda x: x + 1)
    outer = served(lambda x: inner.call(x) * 10)

    assert outer.call(1) == 20
    assert outer(2).result() == 30


def test_a_function_can_call_itself_thirty_deep(served: Served) -> None:
    """Deeper than a caller has slots."""
    factorial: HostFunctionCaller

    def compute(n: int) -> int:
        return 1 if n <= 1 else n * int(factorial.call(n - 1))

    factorial = served(compute)

    assert factorial.call(30) == 265252859812191058636308480000000
    factorial.close()


def test_callbacks_of_several_workers_have_calls_under_way_at_once(namespace: Path) -> None:
    """Each needs room beside the caller's slots, which the calls of the callbacks around it have."""
    with HostFunctionDispatcher(workers=3) as dispatcher, HostFunctionCaller("fibonacci", timeout=PATIENCE) as caller:

        def fibonacci(n: int) -> int:
            if n < 2:
                return n
            first, second = caller(n - 1), caller(n - 2)
            return int(first.result() + second.result())

        dispatcher.add("fibonacci", fibonacci)
        dispatcher.start()

        assert caller.call(7) == 13  # 20 callbacks that wait: never 32 of one thread


def test_a_function_that_calls_itself_without_an_end_would_deadlock(served: Served) -> None:
    """An error after 32, and the dispatcher goes on."""
    forever: HostFunctionCaller

    def call() -> int:
        return 1 + int(forever.call())

    forever = served(call)

    with pytest.raises(memlane.WouldDeadlock, match="32 callbacks of this thread wait for each other"):
        forever.call()
    assert served(lambda: 5).call() == 5


def test_a_function_can_call_back(namespace: Path) -> None:
    """Two dispatchers whose functions call each other."""
    with HostFunctionDispatcher() as here, HostFunctionDispatcher() as there:
        ping, pong = HostFunctionCaller("ping", timeout=PATIENCE), HostFunctionCaller("pong", timeout=PATIENCE)
        here.add("ping", lambda n: n if n == 0 else pong.call(n - 1) + 1)
        there.add("pong", lambda n: n if n == 0 else ping.call(n - 1) + 1)
        here.start()
        there.start()
        assert ping.call(20) == 20
        ping.close()
        pong.close()


def test_a_thread_that_serves_can_call_its_own_function(namespace: Path) -> None:
    """Into the same process, from the same thread: the callback of a call that the callback made."""
    with HostFunctionDispatcher() as dispatcher, HostFunctionCaller("add", timeout=PATIENCE) as add:
        outcome: list[int] = []

        def run() -> None:
            outcome.append(add.call(1, 2))
            dispatcher._core.stop()

        dispatcher.add("add", operator.add)
        dispatcher.add("run", run)
        with HostFunctionCaller("run") as start:
            start()
            dispatcher.serve_forever()
        assert outcome == [3]


# -- trust, bytes and names -----------------------------------------------------------------------------------


def test_pickles_are_refused_where_they_are_not_wanted(namespace: Path) -> None:
    """Rule 11, on both sides."""
    with HostFunctionDispatcher(allow_pickle=False) as dispatcher:
        dispatcher.add("first", lambda x: x)
        dispatcher.start()
        with HostFunctionCaller("first", timeout=PATIENCE) as first:
            assert first.call((1, "plain")) == (1, "plain")
            with pytest.raises(memlane.UnsafePickle, match="allow_pickle=False"):
                first.call({1, 2})
    with HostFunctionDispatcher() as dispatcher:
        dispatcher.add("second", lambda: {1, 2})
        dispatcher.start()
        with (
            HostFunctionCaller("second", timeout=PATIENCE, allow_pickle=False) as second,
            pytest.raises(memlane.UnsafePickle, match="allow_pickle=False"),
        ):
            second.call()


def test_pickles_that_others_could_write_are_refused(namespace: Path) -> None:
    """Rule 11: where others can write, only plain values pass."""
    with HostFunctionDispatcher(mode=0o666) as dispatcher:
        dispatcher.add("open", lambda x: x)
        dispatcher.start()
        with HostFunctionCaller("open", timeout=PATIENCE, mode=0o666) as caller:
            assert caller.call(1) == 1
            with pytest.raises(memlane.UnsafePickle, match="others than this user can write to it"):
                caller.call({1, 2})


def test_raw_calls_carry_bytes_as_they_are(served: Served, dispatcher: HostFunctionDispatcher) -> None:
    """What C programs send and get."""
    dispatcher.add("reverse", lambda data: data[::-1])
    with HostFunctionCaller("reverse", timeout=PATIENCE, raw=True) as reverse:
        assert reverse.call(bytearray(b"abc")) == b"cba"
        assert reverse.call(b"") == b""
        with pytest.raises(TypeError, match="one bytes-like argument"):
            reverse.call(b"a", b"b")
        with pytest.raises(memlane.ValueTooLarge, match="max_sz_args=4096"):
            reverse.call(bytes(5000))
    dispatcher.add("number", len)
    with HostFunctionCaller("number", timeout=PATIENCE, raw=True) as number, pytest.raises(TypeError):
        number.call(b"abc")


def test_a_caller_pickles_by_name(served: Served) -> None:
    """The receiver calls the same function, with the same options."""
    identity = served(lambda x: x)

    with pickle.loads(pickle.dumps(identity)) as copy:
        assert copy.call(5) == 5
        assert copy.name == identity.name
    identity.unlink()
    with pytest.raises(memlane.ObjectNotFound):
        pickle.loads(pickle.dumps(identity))


def test_statistics_count_what_happened(served: Served) -> None:
    """Calls, errors, and how long they took."""
    half = served(lambda x: 1 / x)
    half.call(2)
    with pytest.raises(ZeroDivisionError):
        half.call(0)

    found = half.stats()

    assert (found.calls, found.served, found.errors) == (2, 2, 1)
    assert found.latency > 0
    assert (found.waiting, found.executing, found.live_callers, found.live_servers) == (0, 0, 1, 1)


def test_a_function_is_no_variable(namespace: Path) -> None:
    """Kinds do not share names."""
    with HostFunctionCaller("pose"), pytest.raises(memlane.KindMismatch, match="function"):
        memlane.HostVariable("pose")


def test_a_missing_function_is_not_created_where_that_is_not_wanted(namespace: Path) -> None:
    """``create=False``."""
    with pytest.raises(memlane.ObjectNotFound, match="there is no function 'pose'"):
        HostFunctionCaller("pose", create=False)
    assert os.listdir(namespace) == [] if namespace.exists() else True


def test_the_last_to_close_removes_a_function_that_is_not_persistent(namespace: Path) -> None:
    """``persistent=False``, as for every object."""
    with HostFunctionCaller("pose", persistent=False):
        assert (namespace / "pose").exists()
    assert not (namespace / "pose").exists()

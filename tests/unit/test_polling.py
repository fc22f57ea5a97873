"""Polling: a descriptor that says the truth, and waiting for the first of many."""

from __future__ import annotations

import os
import resource
import select
import selectors
import threading
import time
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable
from tests.children import Child
from tests.peer import PATIENCE_SECONDS, process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Readable = Callable[[HostVariable, float], bool]


def by_select(variable: HostVariable, timeout: float) -> bool:
    """Ask as most programs do."""
    return select.select([variable], [], [], timeout)[0] == [variable]


def by_poll(variable: HostVariable, timeout: float) -> bool:
    """Ask without a limit on the number."""
    poll = select.poll()
    poll.register(variable, select.POLLIN)
    return bool(poll.poll(timeout * 1e3))


def by_epoll(variable: HostVariable, timeout: float) -> bool:
    """Ask as servers do."""
    with select.epoll() as epoll:
        epoll.register(variable, select.EPOLLIN)
        return bool(epoll.poll(timeout))


def by_selectors(variable: HostVariable, timeout: float) -> bool:
    """Ask as event loops do."""
    with selectors.DefaultSelector() as selector:
        selector.register(variable, selectors.EVENT_READ)
        return bool(selector.select(timeout))


WAYS = pytest.mark.parametrize("is_readable", [by_select, by_poll, by_epoll, by_selectors])


@pytest.fixture
def writer(variable: HostVariable) -> Iterator[HostVariable]:
    """Give a second endpoint on the variable."""
    with HostVariable("pose") as opened:
        yield opened


@WAYS
def test_endpoint_is_readable_until_its_value_is_taken(
    variable: HostVariable, writer: HostVariable, is_readable: Readable
) -> None:
    """Level-triggered, as people expect of a socket: an event loop asks again and again."""
    assert not is_readable(variable, 0)

    for value in range(10):
        writer.data = value

        assert is_readable(variable, PATIENCE_SECONDS)
        assert is_readable(variable, 0)
        assert variable.data == value
        assert not is_readable(variable, 0)


@pytest.mark.parametrize(
    "take",
    [
        lambda variable: variable.data,
        lambda variable: variable.get(),
        lambda variable: variable.read(),
        lambda variable: variable.wait(timeout=0),
        lambda variable: next(variable.updates(timeout=0)),
        lambda variable: bytes(variable.view()),
    ],
    ids=["data", "get", "read", "wait", "updates", "view"],
)
def test_each_way_of_reading_takes_the_value(
    variable: HostVariable, writer: HostVariable, take: Callable[[HostVariable], object]
) -> None:
    """A loop that takes by any of them must not spin on what it has."""
    variable.fileno()
    writer.data = b"bytes"
    assert by_select(variable, PATIENCE_SECONDS)

    take(variable)

    assert not by_select(variable, 0)


def test_own_writes_are_news_too(variable: HostVariable) -> None:
    """D35: newer than what this endpoint has returned, whoever wrote it."""
    variable.fileno()

    variable.data = 1

    assert by_select(variable, PATIENCE_SECONDS)


def test_descriptor_stays_the_same(variable: HostVariable) -> None:
    """A loop registers it once."""
    assert variable.fileno() == variable.fileno()


def test_descriptor_of_a_closed_endpoint_is_refused(variable: HostVariable) -> None:
    """As files do."""
    variable.close()

    with pytest.raises(memlane.Closed, match="variable 'pose': this endpoint was closed"):
        variable.fileno()


def test_closing_wakes_who_polls(variable: HostVariable) -> None:
    """A thread in select must learn that nothing will come any more."""
    descriptor = variable.fileno()
    seen: list[list[int]] = []
    poller = threading.Thread(target=lambda: seen.append(select.select([descriptor], [], [], PATIENCE_SECONDS)[0]))
    poller.start()
    wait_until(lambda: process_state(os.getpid(), poller.native_id) == "S", "the thread sleeps in select")

    variable.close()

    poller.join()
    assert seen == [[descriptor]]


def test_forked_child_polls_by_itself(variable: HostVariable, writer: HostVariable) -> None:
    """What the child takes is still news to the parent."""
    # The native thread has come to its loop: a sanitizer's allocator stays locked in a child forked while it starts.
    writer.data = 6
    assert by_select(variable, PATIENCE_SECONDS)
    assert variable.data == 6

    def child() -> tuple[bool, object, bool]:
        writer.data = 7
        return by_select(variable, PATIENCE_SECONDS), variable.data, by_select(variable, 0)

    with Child(child) as forked:
        assert forked.answer() == (True, 7, False)

    assert by_select(variable, PATIENCE_SECONDS)
    assert variable.data == 7


@pytest.mark.slow
def test_one_of_two_hundred_is_found_by_select(namespace: Path) -> None:
    """Hundreds of topics in one loop are nothing special."""
    variables = [HostVariable(f"v{number}", 64, slots=2, max_participants=4) for number in range(200)]
    try:
        for number in (3, 199, 77):
            with HostVariable(f"v{number}") as writer:
                writer.data = number

            assert select.select(variables, [], [], PATIENCE_SECONDS)[0] == [variables[number]]
            assert variables[number].data == number
    finally:
        for variable in variables:
            variable.close()


@pytest.mark.slow
def test_one_of_a_thousand_is_found_by_epoll(namespace: Path) -> None:
    """Beyond what `select` can number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    variables = [HostVariable(f"v{number}", 64, slots=2, max_participants=4) for number in range(1000)]
    try:
        with select.epoll() as epoll:
            for variable in variables:
                epoll.register(variable, select.EPOLLIN)
            for number in (3, 999, 77):
                with HostVariable(f"v{number}") as writer:
                    writer.data = number

                assert epoll.poll(PATIENCE_SECONDS) == [(variables[number].fileno(), select.EPOLLIN)]
                assert variables[number].data == number
                assert epoll.poll(0) == []
            variables[500].close()
            assert memlane.wait([*variables[:500], *variables[501:]], timeout=0) == []
    finally:
        for variable in variables:
            variable.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- memlane.wait --------------------------------------------------------------------------------------------------


def test_wait_returns_those_that_have_something(variable: HostVariable, namespace: Path) -> None:
    """In their order, as `multiprocessing.connection.wait` does."""
    with HostVariable("second") as second, HostVariable("third") as third:
        third.data = 3
        variable.data = 1

        assert memlane.wait([third, second, variable], timeout=0) == [third, variable]


def test_wait_without_news_ends_empty(variable: HostVariable) -> None:
    """A timeout is no error here: the list says it."""
    assert memlane.wait([variable], timeout=0.01) == []
    assert memlane.wait([], timeout=0) == []


@pytest.mark.slow
def test_wait_for_nothing_sleeps(namespace: Path) -> None:
    """As `select` does, which programs know as a sleep."""
    wall, processor = time.monotonic(), time.thread_time()

    assert memlane.wait([], timeout=0.4) == []

    assert time.monotonic() - wall >= 0.4
    assert time.thread_time() - processor < 0.2


def test_wait_for_nothing_for_ever_is_refused() -> None:
    """An empty list is a mistake that would otherwise show as a program that stands still."""
    with pytest.raises(ValueError, match=r"wait\(\) was given no endpoint and no timeout, and would never end"):
        memlane.wait([])


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, 1000])
def test_wait_is_woken_by_the_one_that_changes(namespace: Path, count: int) -> None:
    """From a few, by one system call, to thousands."""
    variables = [HostVariable(f"v{number}", 64, slots=2, max_participants=4) for number in range(count)]
    chosen = variables[count * 2 // 3]

    def write_when_it_waits() -> None:
        waiter = threading.main_thread().native_id
        wait_until(lambda: process_state(os.getpid(), waiter) == "S", "the main thread sleeps")
        with HostVariable(chosen.name) as writer:
            writer.data = "news"

    writer = threading.Thread(target=write_when_it_waits)
    writer.start()
    try:
        assert memlane.wait(variables, PATIENCE_SECONDS) == [chosen]
    finally:
        writer.join()
        for variable in variables:
            variable.close()


@pytest.mark.parametrize("wrong", [[None], ["pose"], [1]])
def test_wait_takes_endpoints_only(wrong: list[object]) -> None:
    """A name is a likely mistake."""
    with pytest.raises(TypeError):
        memlane.wait(wrong)  # type: ignore[type-var]


def test_wait_refuses_a_closed_endpoint(variable: HostVariable) -> None:
    """It would be ready for ever."""
    with HostVariable("closed") as closed:
        pass

    with pytest.raises(memlane.Closed, match="variable 'closed'"):
        memlane.wait([variable, closed], timeout=0)


def test_wait_refuses_a_negative_timeout(variable: HostVariable) -> None:
    """As every call that waits."""
    with pytest.raises(ValueError, match="timeout=-1"):
        memlane.wait([variable], timeout=-1)

"""Waiting for a newer version: what counts as newer, how long, and how it ends."""

from __future__ import annotations

import math
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable
from tests.peer import process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Waiter(threading.Thread):
    """A thread that waits, and keeps how that ended."""

    def __init__(self, wait: Callable[[], object]) -> None:
        super().__init__()
        self._wait = wait
        self.outcome: object = None
        self.start()

    def run(self) -> None:
        """Wait in the thread."""
        try:
            self.outcome = self._wait()
        except memlane.Error as error:
            self.outcome = error

    def is_asleep(self) -> bool:
        """Say whether the kernel has put the thread to sleep."""
        return process_state(os.getpid(), self.native_id) == "S"


def test_first_wait_returns_the_value_that_is_there(variable: HostVariable) -> None:
    """A reader that comes late must not miss the only write."""
    variable.data = "there"

    with HostVariable("pose") as reader:
        assert reader.wait(timeout=0) == "there"


def test_second_wait_wants_a_newer_version(variable: HostVariable) -> None:
    """Each version is waited for once."""
    variable.data = 1
    variable.wait(timeout=0)

    with pytest.raises(memlane.Timeout, match=r"variable 'pose': no version newer than 1 was written in time"):
        variable.wait(timeout=0)

    variable.data = 2
    assert variable.wait(timeout=0) == 2


@pytest.mark.parametrize(
    "read",
    [
        lambda variable: variable.data,
        lambda variable: variable.get(),
        lambda variable: variable.read(),
        lambda variable: variable.view(),
        lambda variable: next(variable.updates()),
    ],
    ids=["data", "get", "read", "view", "updates"],
)
def test_every_way_of_reading_counts_as_having_seen_the_version(
    variable: HostVariable, read: Callable[[HostVariable], object]
) -> None:
    """Newer means: newer than anything that this endpoint has returned."""
    variable.data = b"seen"

    read(variable)

    with pytest.raises(memlane.Timeout):
        variable.wait(timeout=0)


def test_own_write_counts_as_newer(variable: HostVariable) -> None:
    """Writing is not reading."""
    variable.data = 1

    assert variable.wait(timeout=0) == 1


def test_version_to_wait_for_can_be_given(variable: HostVariable) -> None:
    """A program that keeps versions itself says which one it has."""
    for value in ("one", "two", "three"):
        variable.data = value

    assert variable.wait(newer_than=0, timeout=0) == "three"
    assert variable.wait(newer_than=2, timeout=0) == "three"
    with pytest.raises(memlane.Timeout, match="no version newer than 3 was written in time"):
        variable.wait(newer_than=3, timeout=0)


def test_poll_of_an_empty_variable_is_a_timeout(variable: HostVariable) -> None:
    """0 polls; an object without a value has nothing newer than nothing."""
    with pytest.raises(TimeoutError, match="no version newer than 0"):
        variable.wait(timeout=0)


@pytest.mark.parametrize("timeout", [-1, -0.001, -(10**400), -math.inf, math.nan])
def test_negative_timeout_is_a_value_error(variable: HostVariable, timeout: float) -> None:
    """A deadline computed in the past is a mistake of the program; NaN is none at all."""
    variable.data = 1  # refused even where there is nothing to wait for

    with pytest.raises(ValueError, match=r"timeout=.*: give seconds from 0 \(only look\) up, or None to wait for ever"):
        variable.wait(timeout=timeout)
    with pytest.raises(ValueError, match="give seconds from 0"):
        next(variable.updates(timeout=timeout))


@pytest.mark.parametrize("timeout", ["1", b"1", [1]])
def test_timeout_of_another_type_is_a_type_error(variable: HostVariable, timeout: object) -> None:
    """Text from a configuration file is not a number."""
    with pytest.raises(TypeError, match="timeout=.* is .*: give seconds, or None to wait for ever"):
        variable.wait(timeout=timeout)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [math.inf, 1e300, 10**400, 10**9, 5, 0.5, True])
def test_any_number_of_seconds_is_a_timeout(variable: HostVariable, timeout: float) -> None:
    """Large and infinite times are possible, and do not overflow into the past."""
    variable.data = 1

    assert variable.wait(timeout=timeout) == 1


@pytest.mark.parametrize("version", [-1, 2**64])
def test_version_that_cannot_be_is_refused(variable: HostVariable, version: int) -> None:
    """A negative number must not be read as a large one, which nobody reaches."""
    variable.data = 1

    with pytest.raises(ValueError, match=f"newer_than={version} is no version: give one that was read, or 0 for any"):
        variable.wait(newer_than=version, timeout=0)


def test_version_that_is_no_whole_number_is_a_type_error(variable: HostVariable) -> None:
    """Cut to one, it would be another version; times are written beside versions."""
    variable.data = 1

    with pytest.raises(TypeError, match="'float'"):
        variable.wait(newer_than=0.5, timeout=0)  # type: ignore[arg-type]


def test_timeout_comes_after_the_time_not_before(variable: HostVariable) -> None:
    """Who waits 50 ms has waited 50 ms, however the wait is cut in pieces."""
    start = time.monotonic()
    with pytest.raises(memlane.Timeout):
        variable.wait(timeout=0.12)

    assert time.monotonic() - start >= 0.12


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_sleeping_waiter_gets_the_next_value(variable: HostVariable, timeout: float | None) -> None:
    """The point of waiting: the kernel wakes the reader when somebody writes."""
    waiter = Waiter(lambda: variable.wait(timeout=timeout))
    wait_until(waiter.is_asleep, "the waiter sleeps")

    variable.data = "new"
    waiter.join()

    assert waiter.outcome == "new"


def test_many_waiters_are_all_woken_by_one_write(variable: HostVariable) -> None:
    """A value is for everybody."""
    with HostVariable("pose") as other:
        waiters = [Waiter(partial(endpoint.wait, timeout=30)) for endpoint in [variable, other] * 4]
        for waiter in waiters:
            wait_until(waiter.is_asleep, "every waiter sleeps")

        variable.data = "new"
        for waiter in waiters:
            waiter.join()

        assert [waiter.outcome for waiter in waiters] == ["new"] * 8


def test_closing_ends_a_wait_in_another_thread(variable: HostVariable) -> None:
    """A program that shuts down must not wait for a value that never comes."""
    waiter = Waiter(variable.wait)
    wait_until(waiter.is_asleep, "the waiter sleeps")

    variable.close()
    waiter.join()

    assert isinstance(waiter.outcome, memlane.Closed)


def test_updates_begin_with_the_value_that_is_there(variable: HostVariable) -> None:
    """A display shows something from the start."""
    variable.data = "there"

    assert next(variable.updates(timeout=0)) == "there"


def test_slow_reader_skips_to_the_latest_and_the_skipped_are_counted(variable: HostVariable) -> None:
    """Latest wins: old values are never delivered late."""
    updates = variable.updates(timeout=0)
    variable.data = 1
    first = next(updates)

    for value in (2, 3, 4):
        variable.data = value
    second = next(updates)

    assert (first, second) == (1, 4)
    assert variable.stats().skipped == 2


def test_what_was_written_before_the_first_update_is_not_counted_as_skipped(variable: HostVariable) -> None:
    """A reader that comes late has not been slow."""
    for value in range(5):
        variable.data = value

    assert next(variable.updates(timeout=0)) == 4
    assert variable.stats().skipped == 0


@pytest.mark.parametrize("value", [1, {1}], ids=["plain", "pickled"])
def test_reader_that_sees_every_value_has_skipped_none(variable: HostVariable, value: object) -> None:
    """A monitor that shows skips where there were none sends people on a hunt."""
    updates = variable.updates(timeout=0)

    for _ in range(10):
        variable.data = value
        next(updates)

    assert variable.stats().skipped == 0


def test_refused_and_dropped_writes_are_not_counted_as_skipped(variable: HostVariable) -> None:
    """Nobody could have read them."""
    updates = variable.updates(timeout=0)
    variable.data = 1
    next(updates)

    for _ in range(5):
        with pytest.raises(memlane.ValueTooLarge):
            variable.data = bytes(5000)
        with pytest.raises(ZeroDivisionError), variable.loan(size=1):
            raise ZeroDivisionError
    variable.data = 2
    next(updates)

    assert variable.stats().skipped == 0


def test_updates_can_go_on_after_a_timeout(variable: HostVariable) -> None:
    """The iterator ends with an error, the endpoint goes on where it was."""
    with pytest.raises(memlane.Timeout):
        next(variable.updates(timeout=0))

    variable.data = 1

    assert next(variable.updates(timeout=0)) == 1


def test_updates_of_a_closed_endpoint_raise(variable: HostVariable) -> None:
    """An endless loop over the updates ends when the endpoint is closed."""
    variable.data = 1
    updates = variable.updates()
    next(updates)

    variable.close()

    with pytest.raises(memlane.Closed, match="variable 'pose': this endpoint was closed; open it anew"):
        next(updates)


def test_each_endpoint_keeps_its_own_mark(variable: HostVariable, namespace: Path) -> None:
    """What one reader has seen does not hide it from another."""
    variable.data = 1

    with HostVariable("pose") as first, HostVariable("pose") as second:
        first.wait(timeout=0)

        assert second.wait(timeout=0) == 1

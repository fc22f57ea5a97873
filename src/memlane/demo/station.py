"""What camera, model and controller have in common: endpoints, a rhythm, and the duty to report."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import traceback
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, final

import memlane
from memlane.demo.question import Question
from memlane.demo.report import LONGEST_TEXT, Failed, Ready, Reports, Saw, SawTorn, Wrote, text_of
from memlane.demo.seal import Seal, Torn, seal, unseal
from memlane.demo.telemetry import Speaker
from memlane.demo.variables import FRAME, HEAD_BYTES, LABELS, SEGMENT, STEREO_PAIR, TELEMETRY, VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

NANOSECONDS = 1_000_000_000


@final
class Publisher:
    """The writing end of a variable."""

    def __init__(self, variable: memlane.HostVariable, life: int, reports: Reports) -> None:
        self._variable = variable
        self._format = VARIABLES[variable.name].format
        self._life = life
        self._reports = reports
        self._number = 0
        self._began = 0

    def publish(self, **payload: Any) -> None:
        """Write a value for each field; report it when it is there."""
        stamp = time.monotonic_ns()
        self._number += 1
        self._began = self._began or stamp
        self._variable.data = seal(self._format, Seal(self._life, self._number, self._began, stamp), payload)
        self._reports.send(Wrote(self._variable.name, self._number, self._began, time.monotonic_ns()))


@final
class Reader:
    """The reading end of a variable: it checks and reports each value that is new to it."""

    def __init__(self, variable: memlane.HostVariable, reports: Reports) -> None:
        self._variable = variable
        self._reports = reports
        self._version = 0
        self.value: Any = None
        """The newest whole one, None before the first."""

    def look(self) -> bool:
        """Take the latest value if it is new; tell whether it was. Waits for nobody."""
        if self._variable.version == self._version:
            return False
        asked = time.monotonic_ns()
        try:
            value, version, _ = self._variable.read()
            at = time.monotonic_ns()
            write = unseal(value)
        except (Torn, memlane.Corrupted) as error:
            self._reports.send(SawTorn(self._variable.name, text_of(error), time.monotonic_ns()))
            return False
        self._version, self.value = version, value
        self._reports.send(Saw(self._variable.name, *write, version, asked, at))
        return True


@final
class Station:
    """One of the three processes, from the inside.

    Args:
        directory: The namespace directory.
        life: How often this role was started, this time included.
        reports: Where to report.
    """

    def __init__(self, directory: str, life: int, reports: Reports) -> None:
        self._directory = directory
        self._life = life
        self.reports = reports
        self._endpoints = ExitStack()
        self.running = True
        """False once the supervisor asked for the end."""
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, _signal: int, _frame: object) -> None:
        self.running = False

    def open(self, name: str) -> memlane.HostVariable:
        """Open a variable, which the supervisor has created, until `close`."""
        form = VARIABLES[name].format if name in VARIABLES else None
        variable = memlane.HostVariable(name, data_format=form, create=False, directory=self._directory)
        return self._endpoints.enter_context(variable)

    def publisher(self, name: str) -> Publisher:
        """Open a variable for writing."""
        return Publisher(self.open(name), self._life, self.reports)

    def reader(self, name: str) -> Reader:
        """Open a variable for reading."""
        return Reader(self.open(name), self.reports)

    def question(self) -> Question:
        """Open the function for calling."""
        caller = memlane.HostFunctionCaller(SEGMENT, create=False, directory=self._directory)
        return Question(self._endpoints.enter_context(caller), self.reports)

    def serve(self, function: Callable[[Any], Any]) -> None:
        """Serve the function in a thread of its own, from now on until `close`."""
        dispatcher = self._endpoints.enter_context(memlane.HostFunctionDispatcher(directory=self._directory))
        dispatcher.add(SEGMENT, function, FRAME.itemsize + HEAD_BYTES, LABELS.itemsize + HEAD_BYTES, create=False)
        dispatcher.start()

    def speaker(self) -> Speaker:
        """Open the channel for writing."""
        channel = memlane.open_channel(TELEMETRY, memlane.CHAN_W, create=False, directory=self._directory)
        return Speaker(self._endpoints.enter_context(channel), self._life, self.reports)

    def ready(self) -> None:
        """Report that everything is open."""
        self.reports.send(Ready(time.monotonic_ns()))

    def beats(self, per_second: float) -> Iterator[None]:
        """Yield at a steady rate while running. A beat that comes late moves the later ones: none is made up for."""
        period = round(NANOSECONDS / per_second)
        due = time.monotonic_ns()
        while self.running:
            yield
            due = max(due + period, time.monotonic_ns())
            time.sleep(max(due - time.monotonic_ns(), 0) / NANOSECONDS)

    def close(self) -> None:
        """Close every endpoint."""
        self._endpoints.close()

    def abandon(self) -> None:
        """Remove everything from the namespace: nobody will come and use it.

        The last to close would remove most of it, but who closes now may not know yet that it is the last: the pipe of
        a supervisor that was killed breaks before the kernel has let go of all else that it held.
        """
        for name in (*VARIABLES, STEREO_PAIR, SEGMENT, TELEMETRY):
            with suppress(memlane.ObjectNotFound):
                memlane.unlink(name, directory=self._directory)


def enter(role: str, life: int, directory: str, sender: Connection[Any, Any]) -> None:
    """Be one of the three processes, in a role's *life*: the first function that runs in each of them."""
    # A terminal's signals are the supervisor's to answer; and where the kernel shares the processors out by sessions,
    # each process gets a share like anybody's.
    os.setsid()
    work = importlib.import_module(f"memlane.demo.{role}").work
    reports = Reports(sender.fileno())
    station = Station(directory, life, reports)
    try:
        work(station)
    except BrokenPipeError:
        station.abandon()  # the supervisor is gone, so nobody needs this process
        sys.exit(1)
    except BaseException:
        reports.send(Failed(traceback.format_exc()[-LONGEST_TEXT:]))
        raise
    finally:
        station.close()

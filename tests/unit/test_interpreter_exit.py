"""Interpreters that end with endpoints, views and loans still alive, in whatever order Python drops them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = "import memlane, numpy as np; variable = memlane.HostVariable('pose')\n"

PROGRAMS = {
    "open endpoint": "variable.data = 1",
    "live view": "variable.data = np.zeros(9); view = variable.view()",
    "live memoryview": "variable.data = b'frame'; view = variable.view()",
    "view in a cycle": "variable.data = np.zeros(9); cycle = [variable.view()]; cycle.append(cycle); del variable",
    "view after close": "variable.data = np.zeros(9); view = variable.view(); variable.close()",
    "view after unlink": "variable.data = np.zeros(9); view = variable.view(); variable.unlink()",
    "view of a module": "import sys; variable.data = b'x'; sys.kept = variable.view(); del variable",
    "live loan": "loan = variable.loan(size=4)",
    "entered loan": "loan = variable.loan(size=4); place = loan.__enter__()",
    "entered array loan": "loan = variable.loan(4, 'f8'); place = loan.__enter__(); place[:] = 1",
    "live iterator": "variable.data = 1; updates = variable.updates(); next(updates)",
    "waiting daemon thread": (
        "import threading; thread = threading.Thread(target=variable.wait, daemon=True); thread.start()"
    ),
    "writing daemon thread": (
        "import threading, itertools\n"
        "def write():\n"
        "    for number in itertools.count(): variable.data = number\n"
        "thread = threading.Thread(target=write, daemon=True); thread.start(); variable.wait(newer_than=0)"
    ),
    "viewing daemon thread": (
        "import threading\n"
        "variable.data = np.zeros(99)\n"
        "def view():\n"
        "    while True: variable.view().sum()\n"
        "thread = threading.Thread(target=view, daemon=True); thread.start(); variable.wait(newer_than=0)"
    ),
    "endpoint used at exit": "import atexit; atexit.register(lambda: setattr(variable, 'data', 'at exit'))",
    "endpoint in a finalizer": (
        "class Holder:\n"
        "    def __del__(self): self.variable.data = 'finalized'; self.variable.close()\n"
        "holder = Holder(); holder.variable = variable; del variable"
    ),
    "exception": "variable.data = b'x'; view = variable.view(); raise SystemExit(0)",
    "os._exit": "import os; variable.data = b'x'; view = variable.view(); os._exit(0)",
}


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_interpreter_ends_cleanly_and_peers_go_on(namespace: Path, program: str) -> None:
    """Hazard 40: nothing happens at exit that could crash; the kernel gives everything back."""
    with HostVariable("pose") as peer:
        ended = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", PRELUDE + program], capture_output=True, text=True, check=False
        )

        assert (ended.returncode, ended.stderr) == (0, "")
        assert peer.stats().live_participants == 1
        for number in range(30):
            peer.data = number
        assert peer.data == 29


@pytest.mark.slow
def test_many_endpoints_and_views_collected_in_any_order(namespace: Path) -> None:
    """The collector breaks cycles in an order that nobody chose."""
    program = """
import gc, random
generator = random.Random(1)
for _ in range(200):
    endpoints = [memlane.HostVariable("pose") for _ in range(4)]
    endpoints[0].data = np.zeros(50)
    things = [*endpoints, *(endpoint.view() for endpoint in endpoints), endpoints[1].loan(size=3)]
    for thing in list(things):
        if isinstance(thing, memlane.HostVariable) and generator.random() < 0.5:
            thing.close()
    generator.shuffle(things)
    things.append(things)
    del thing, endpoints
    while len(things) > 1 and generator.random() < 0.9:
        things.pop(0)
    del things
    gc.collect()
variable.data = 1
statistics = variable.stats()
print(statistics.live_participants, statistics.slots_pinned, statistics.slots_writing)
"""

    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PRELUDE + program], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1 0 0\n", "")

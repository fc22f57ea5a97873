"""``memlane demo``: its arguments, and what it needs."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
from contextlib import nullcontext

from memlane.demo.program import CannotBuild, built_controller

REQUIRED = {"numpy": "numpy", "rich": "rich", "skimage": "scikit-image"}
"""Module and package of everything that the extra installs."""

TO_PLOT = {"matplotlib": "matplotlib"}
PICTURES = (".png", ".svg", ".pdf")

NEEDS_EXTRA = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane demo`` takes."""
    parser.add_argument("--seconds", type=positive, default=10.0, metavar="N", help="how long to run (default: 10)")
    parser.add_argument("--chaos", action="store_true", help="kill one of the processes by SIGKILL every half second")
    parser.add_argument(
        "--cpp", action="store_true", help="let a C++ program be the controller (needs a compiler, which builds it)"
    )
    parser.add_argument(
        "--longest-gap",
        type=positive,
        default=100.0,
        metavar="MS",
        help="milliseconds that a reader may be without a new value while its writer lives (default: 100)",
    )
    parser.add_argument(
        "--plot", type=picture, metavar="OUT.png", help="draw rates and latencies over time (needs matplotlib)"
    )


def positive(text: str) -> float:
    """Parse a number that must be finite and greater than zero."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number greater than 0")
    return number


def picture(path: str) -> str:
    """Parse the path of a picture that can be written."""
    if not path.endswith(PICTURES):
        raise argparse.ArgumentTypeError(f"{path} is no picture that can be drawn: let it end in {', '.join(PICTURES)}")
    directory = os.path.dirname(path) or "."
    if not os.access(directory, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {directory} is no directory that lets you")
    return path


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; return 0 when every promise was kept, 1 when not, 2 when something has to be installed first."""
    required = {**REQUIRED, **(TO_PLOT if arguments.plot else {})}
    missing = [package for module, package in required.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(missing_text(missing), file=sys.stderr)  # noqa: T201 - a command speaks on its terminal
        return NEEDS_EXTRA
    # Starting threads is half of the time that importing numpy takes, and a process with threads is a bad one to copy.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    try:
        with built_controller() if arguments.cpp else nullcontext() as controller:
            return run_processes(arguments, {"controller": controller} if controller else {})
    except CannotBuild as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command speaks on its terminal
        return NEEDS_EXTRA


def run_processes(arguments: argparse.Namespace, programs: dict[str, str]) -> int:
    """Run the demo, some roles played by other programs; return 0 when every promise was kept, 1 when not."""
    # Only now: these import what may be missing.
    from memlane.demo.display import choose_display  # noqa: PLC0415
    from memlane.demo.plot import Recorder, draw  # noqa: PLC0415
    from memlane.demo.summary import print_summary  # noqa: PLC0415
    from memlane.demo.supervisor import Settings, run  # noqa: PLC0415

    recorder = Recorder(choose_display())
    outcome = run(Settings(arguments.seconds, arguments.chaos, arguments.longest_gap, programs), recorder)
    if arguments.plot:
        draw(recorder.figures, arguments.plot)
    return 0 if print_summary(outcome) else 1


def missing_text(missing: list[str]) -> str:
    """Say what is missing and how to get it."""
    names = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
    return f'memlane demo needs {names}, not installed here. Install what it needs: pip install "memlane[demo]"'

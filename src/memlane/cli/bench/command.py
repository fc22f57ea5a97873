"""``memlane bench``: its arguments and its answer."""

from __future__ import annotations

import errno
import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli import words
from memlane.cli.bench.disturbance import check_disturbance, use
from memlane.cli.bench.scenarios import CONTESTS, Figure, figures
from memlane.cli.doctor.container import check_container
from memlane.cli.doctor.finding import NOTE, OK, Finding, say_findings
from memlane.cli.doctor.machine import check_clock, check_huge_pages
from memlane.cli.doctor.namespace import check_file_system, nearest
from memlane.cli.doctor.processors import check_governor, check_processors
from memlane.cli.doctor.space import check_space
from memlane.cli.given import seconds
from memlane.cli.place import HELD, add_json, add_place, say, say_json
from memlane.errors import AccessDenied

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

_SECONDS = 20.0
_WELL = "This machine is set up well."
_NOT_WELL = "Do what the arrows say, the first one first; then measure again."
_SLOW_RATIO = 0.8
"""By hand and asleep, both pay for the same wake-ups: a little less than 1 is nothing to act on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane bench`` takes."""
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=_SECONDS,
        metavar="N",
        help=f"measure for about so long (default: {_SECONDS:g})",
    )
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, look at the machine, and judge; the status is 1 where there is something to do."""
    parent = place_of(arguments.directory)
    before = use()
    found = list(shown(figures(parent, arguments.seconds / CONTESTS), quiet=arguments.json))
    findings = [*check_machine(parent), *check_disturbance(use().since(before)), *check_figures(found)]
    is_well = all(finding.level == OK for finding in findings)
    if arguments.json:
        say_json(
            {
                "memlane": version("memlane"),
                "python": platform.python_version(),
                "figures": [{**figure._asdict(), "ratio": figure.ratio} for figure in found],
                "findings": [finding._asdict() for finding in findings],
                "well": is_well,
            }
        )
    else:
        say()
        say_findings(findings)
        say()
        say(_WELL if is_well else _NOT_WELL)
    return 0 if is_well else HELD


def place_of(directory: str | None) -> str:
    """Return where to measure: beside the namespace, on its file system, where its users do not see it."""
    parent = nearest(os.path.dirname(inspect.directory_path(directory)))
    if not os.access(parent, os.W_OK | os.X_OK):
        raise AccessDenied(
            errno.EACCES,
            f"what is measured would lie beside the namespace, and this user may not write in {parent!r}: name"
            " a namespace in another one by --directory",
        )
    return parent


def shown(found: Iterator[Figure], *, quiet: bool) -> Iterator[Figure]:
    """Show each figure when it is there: nobody looks at an empty screen until the end."""
    if not quiet:
        say(f"{'':<30}{'memlane':>10}{'by hand':>10}{'ratio':>8}")
    for figure in found:
        if not quiet:
            say(line_of(figure))
        yield figure


def line_of(figure: Figure) -> str:
    """Return a line of the table."""
    line = f"{figure.what:<30}{words.latency(figure.seconds):>10}"
    if figure.ratio is None:
        return line
    return f"{line}{words.latency(figure.seconds_by_hand):>10}{figure.ratio:>6.1f} x  {figure.by_hand}"


def check_machine(path: str) -> Iterator[Finding]:
    """Look at what decides how fast memlane is here."""
    yield from check_processors()
    yield from check_governor()
    yield from check_clock()
    yield from check_file_system(path)
    yield from check_space(path, (), None)
    yield from check_huge_pages()
    yield from check_container(path)


def check_figures(found: Sequence[Figure]) -> Iterator[Finding]:
    """Look for what is slower than it is by hand, or than anybody can wait for."""
    what = "speed"
    slow = [figure for figure in found if figure.ratio is not None and figure.ratio < _SLOW_RATIO]
    late = [figure for figure in found if figure.seconds_at_most and figure.seconds > figure.seconds_at_most]
    for figure in slow:
        yield Finding(NOTE, what, f"{figure.what}: by {figure.by_hand} it is faster", _UNEXPLAINED)
    for figure in late:
        most = words.latency(figure.seconds_at_most)
        yield Finding(NOTE, what, f"{figure.what}: it took longer than {most}", _UNEXPLAINED)
    if not slow and not late:
        yield Finding(OK, what, "nothing is slower than it is by hand")


_UNEXPLAINED = "see the other findings; where there is none, report it with what --json prints"

"""``memlane doctor``: its arguments and its answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli.doctor.container import check_container
from memlane.cli.doctor.finding import OK, PROBLEM, Finding, say_findings
from memlane.cli.doctor.leftovers import check_leftovers
from memlane.cli.doctor.machine import (
    check_clock,
    check_environment,
    check_huge_pages,
    check_kernel,
    check_logout,
    check_proc,
)
from memlane.cli.doctor.namespace import check_file_system, check_namespace, nearest
from memlane.cli.doctor.processors import check_governor, check_processors
from memlane.cli.doctor.space import check_limits, check_space
from memlane.cli.place import HELD, add_json, add_place, say_json
from memlane.errors import Error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane doctor`` takes."""
    parser.add_argument("--quiet", action="store_true", help="leave out what is as it should be")
    add_place(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show each finding and what to do; the status is 1 where something will not work."""
    found = [finding for finding in findings(arguments.directory) if not arguments.quiet or finding.level != OK]
    if arguments.json:
        say_json([finding._asdict() for finding in found])
    else:
        say_findings(found)
    return HELD if any(finding.level == PROBLEM for finding in found) else 0


def findings(directory: str | None) -> Iterator[Finding]:
    """Look at everything."""
    path = inspect.directory_path(directory)
    objects, failure = listed(directory)
    yield from check_namespace(path, named=bool(directory or os.environ.get("MEMLANE_DIR")))
    existing = nearest(path)
    yield from check_file_system(existing)
    yield from check_space(existing, objects, directory)
    yield from check_limits()
    yield from check_kernel()
    yield from check_processors()
    yield from check_governor()
    yield from check_container(existing)
    yield from check_proc()
    yield from check_clock()
    yield from check_logout()
    yield from check_huge_pages()
    yield from check_environment()
    if failure:
        yield Finding(PROBLEM, "objects", f"they cannot be listed: {failure}", "see the findings about the namespace")
    else:
        yield from check_leftovers(objects, directory)


def listed(directory: str | None) -> tuple[Sequence[inspect.Object | inspect.Damaged], str]:
    """Return the objects, or why they cannot be listed."""
    try:
        return inspect.objects(directory), ""
    except (Error, OSError) as error:
        return (), str(error)

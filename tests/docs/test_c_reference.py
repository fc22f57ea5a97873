"""The reference of C is made from the headers, and the headers say what callers have to know."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest

from tests.docs import pages

PAGE = "docs/reference/c-functions.md"
REFERENCE = runpy.run_path(str(pages.REPOSITORY / "tools" / "c_reference.py"))
PROGRESS = re.compile(r"wait-free|lock-free|blocking|blocks", re.IGNORECASE)


def functions() -> dict[str, Any]:
    """Return the entry of each exported function."""
    entries = [entry for header in REFERENCE["headers"]() for entry in header.entries]
    return {name: entry for entry in entries for name in entry.names if entry.declarations[0].startswith("MEMLANE_API")}


def statuses() -> set[str]:
    """Return the statuses that there are."""
    return set(
        re.findall(r"^    (MEMLANE_\w+) = \d", (pages.CORE / "include/memlane/status.h").read_text(), re.MULTILINE)
    )


def test_page_is_what_the_headers_say() -> None:
    """Two sources would differ one day: `python tools/c_reference.py --write` makes them one again."""
    assert pages.read(PAGE) == REFERENCE["page"]()


def test_every_exported_function_is_on_the_page() -> None:
    """A function without words is one that nobody dares to call."""
    exported = re.findall(r"^\s+(memlane_\w+);$", (pages.CORE / "memlane.map").read_text(), re.MULTILINE)

    assert sorted(functions()) == sorted(exported)


@pytest.mark.parametrize("name", sorted(functions()))
def test_comment_of_the_function_states_its_progress(name: str) -> None:
    """Who calls it in a control loop has to know whether it can wait."""
    assert PROGRESS.search(functions()[name].comment)


@pytest.mark.parametrize("name", sorted(functions()))
def test_comment_of_the_function_names_statuses_that_exist(name: str) -> None:
    """A status that was renamed is handled by nobody."""
    entry = functions()[name]
    named = set(re.findall(r"\bMEMLANE_[A-Z_]+\b", entry.comment))

    assert named <= statuses() | constants()
    assert named & statuses() or f"memlane_status {name}(" not in " ".join(entry.declarations)


def constants() -> set[str]:
    """Return what else the headers define."""
    texts = (path.read_text() for path in (pages.CORE / "include" / "memlane").glob("*.h"))
    return {name for text in texts for name in re.findall(r"\b(MEMLANE_[A-Z0-9_]+)\b(?= =|\(| UINT)", text)}

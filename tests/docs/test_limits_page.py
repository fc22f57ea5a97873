"""The page on limits has every counter, how long it lasts, and the test that passes its limit."""

from __future__ import annotations

import re

from tests.docs import pages

PAGE = "docs/design/limits.md"
NANOSECONDS = {"years": 365.25 * 86_400e9, "days": 86_400e9, "hours": 3_600e9, "s": 1e9}
LASTS = re.compile(r"([\d,]+) (years|days|hours|s)")


def named() -> set[str]:
    """Return the names that the page has in code marks."""
    return set(re.findall(r"`(\w+)`", (pages.REPOSITORY / PAGE).read_text()))


def test_counters_last_as_long_as_the_page_says() -> None:
    """A figure that was not computed is believed all the same."""
    wrong = []
    for row in pages.table(PAGE, "## Counters"):
        number, unit = LASTS.fullmatch(row["Until then"]).groups()  # type: ignore[union-attr]
        lasts = 2 ** int(row["Bits"]) * float(row["Each takes, ns"].replace(",", "")) / NANOSECONDS[unit]
        if round(lasts) != int(number.replace(",", "")):
            wrong.append((row["Counter"], lasts))

    assert wrong == []


def test_page_has_every_word_that_processes_change() -> None:
    """A word that is added must be thought to its end."""
    layout = (pages.CORE / "src" / "layout.h").read_text()
    words = {name for names in re.findall(r"^ +memlane_atomic(?:32|64) ([^;]+);", layout, re.MULTILINE)
             for name in re.findall(r"(\w+)(?:\[\w+\])?(?:, |$)", names)}  # fmt: skip

    assert len(words) > 30
    assert words - named() == set()


def test_tests_that_the_page_names_are_those_that_there_are() -> None:
    """A limit that no test passes is a guess."""
    content = (pages.REPOSITORY / "tests" / "processes" / "test_limits.py").read_text()
    there = set(re.findall(r"^def (test_\w+)\(", content, re.MULTILINE))

    assert {name for name in named() if name.startswith("test_")} == there

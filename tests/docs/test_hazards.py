"""Each hazard of the page names tests that exist."""

from __future__ import annotations

import re

from tests.docs import pages

PAGE = "docs/design/hazards.md"
# Of the project's list, what concerns the core and the host variable.
HAZARDS = [*range(1, 17), *range(18, 30), *range(31, 42), 43, 45, 46]


def cited() -> list[tuple[str, str]]:
    """Return the tests that the page names: file and function."""
    names = [name for row in pages.table(PAGE, "# Hazards") for name in row["Tests"].split()]
    return [(file, function) for file, _, function in (name.partition("::") for name in names)]


def defined(file: str) -> set[str]:
    """Return the test functions of a file, wherever it lies."""
    found = [*pages.CORE.glob(f"tests/{file}"), *(pages.REPOSITORY / "tests").rglob(file)]
    assert len(found) == 1, f"{file} is {len(found)} files"
    return set(re.findall(r"^(?:static void|def) (\w+)\(", found[0].read_text(), re.MULTILINE))


def test_page_has_every_hazard_in_its_order() -> None:
    """A hazard that is left out is one that nobody thinks of again."""
    assert [int(row["#"]) for row in pages.table(PAGE, "# Hazards")] == HAZARDS


def test_every_hazard_has_a_test() -> None:
    """A rule without a test is a wish."""
    assert [row["#"] for row in pages.table(PAGE, "# Hazards") if "::" not in row["Tests"]] == []


def test_tests_that_the_page_names_exist() -> None:
    """A test that was renamed or dropped shows nothing."""
    functions = {file: defined(file) for file, _ in cited()}

    assert [f"{file}::{function}" for file, function in cited() if function not in functions[file]] == []

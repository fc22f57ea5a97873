"""The page on the memory model names the edges that the core has, no more and no less."""

from __future__ import annotations

import re

from tests.docs import pages

PAGE = "docs/design/memory-model.md"
SOURCES = sorted((pages.CORE / "src").glob("*.[ch]"))

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_END = re.compile(r"\b[A-Z][1-9]\b")
_HEADER = re.compile(r"Edges? of this file.*?\*/", re.DOTALL)
# A word of its own in capitals, in front of what it protects.
_EDGE = re.compile(r"^ \* {2,4}([A-Z]{3,}) ", re.MULTILINE)


def ends_of(text: str) -> set[str]:
    """Return the ends of edges that comments cite: a capital and a digit. D is for decisions."""
    found = {end for comment in _COMMENT.findall(text) for end in _END.findall(comment)}
    return {end for end in found if not end.startswith("D")}


def edges_of(text: str) -> set[str]:
    """Return the edges that the head of a file names."""
    return {name for header in _HEADER.findall(text) for name in _EDGE.findall(header)}


def rows() -> list[dict[str, str]]:
    """Return the page's table of ends."""
    return pages.table(PAGE, "## Ends")


def test_every_edge_of_the_core_is_on_the_page() -> None:
    """An edge that is not on the page has no argument and no test."""
    in_core = set().union(*(edges_of(source.read_text()) for source in SOURCES))

    assert {row["Edge"] for row in rows()} == in_core


def test_every_end_of_the_core_is_on_the_page_with_its_file() -> None:
    """An end that moved to another file has to be looked for there."""
    in_core = {(end, source.name) for source in SOURCES for end in ends_of(source.read_text())}

    on_page = {(row["End"], file) for row in rows() for file in row["Where"].split(", ") if row["End"]}

    assert on_page == in_core


def section(edge: str) -> str:
    """Return what the page says about an edge."""
    return pages.prose(PAGE).partition(f"\n## {edge}\n")[2].partition("\n## ")[0]


def test_every_edge_has_its_section() -> None:
    """Each says what it protects, what breaks without it, and what shows that."""
    edges = {row["Edge"] for row in rows()}

    assert [edge for edge in edges if "*Weakened*" not in section(edge) or "*Shown by*" not in section(edge)] == []


def is_known(mutant: str) -> bool:
    """Say whether the core or the models have a mutant of this name."""
    of_core = f"MEMLANE_MUTANT_{mutant.upper().replace('-', '_')}"
    header = (pages.CORE / "src" / "mutant.h").read_text()
    models = (pages.CORE / "models" / "run.py").read_text()
    return re.search(rf"\b{of_core}\b", header) is not None or f'"{mutant}"' in models


def test_mutants_that_the_page_cites_exist() -> None:
    """A citation of something that was renamed shows nothing."""
    lines = re.findall(r"\*Shown by\*.*?(?=\n\n)", pages.prose(PAGE), re.DOTALL)
    cited = [name for line in lines for name in re.findall(r"`([\w-]+)`", line)]

    assert cited
    assert [name for name in cited if not is_known(name)] == []

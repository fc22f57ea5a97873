"""The pages of the documentation, and what is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCS = REPOSITORY / "docs"
CORE = REPOSITORY / "core"

# Written and tested together with what they describe.
OF_OTHERS = frozenset({"docs/format/plain-codec.md", "docs/how-to/demo.md"})

_FENCE = re.compile(r"^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """A fenced block."""

    language: str
    text: str


def all_pages() -> list[str]:
    """Name every page, relative to the repository."""
    pages = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [str(page.relative_to(REPOSITORY)) for page in pages]


def read(page: str) -> str:
    """Return a page's text."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def fences(page: str) -> list[Fence]:
    """Return a page's fenced blocks in their order."""
    return [Fence(found["language"], found["text"]) for found in _FENCE.finditer(read(page))]


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", read(page))


def links(page: str) -> Iterator[str]:
    """Return the targets of a page's links."""
    return (found["target"] for found in _LINK.finditer(prose(page)))


def anchors(page: str) -> set[str]:
    """Return the anchors that a page's headings make, as the usual renderers spell them."""
    headings = (found["text"].lower() for found in _HEADING.finditer(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def table(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the first table below a heading, by the names of its columns, without code marks."""
    below = f"\n{prose(page)}".partition(f"\n{heading}\n")[2]
    assert below, f"{page} has no heading {heading!r}"
    lines = iter(below.splitlines())
    header = next(_cells(line) for line in lines if line.startswith("|"))
    next(lines)  # the rule below the header
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(header, _cells(line), strict=True)))
    assert rows, f"{page}: the table below {heading!r} is empty"
    return rows


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("`", "").replace("\\|", "|") for cell in cells]

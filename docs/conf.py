"""How the pages become a site: ``nox -s docs``. The repository shows the same pages, so their links are relative."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import memlane  # noqa: F401 - the reference is read from what is installed; without it every name would be a warning

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "memlane"
author = "the memlane contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "memlane"
exclude_patterns = ["_build"]

# Anchors as the repository's pages spell them, so that one link serves both.
myst_heading_anchors = 4
# The pages' headings may skip a level below a table; "type" in a signature is the built-in one, no member of that name.
suppress_warnings = ["myst.header", "ref.python"]

autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

default_role = "code"

nitpicky = True
# Names of the languages and of other packages, which have no page here.
nitpick_ignore_regex = [
    ("py:.*", r"(?!memlane\b).*"),
    # Bases and results that have no page of their own: what they bring shows with the classes that people use.
    ("py:class", r"memlane\.(access\.(Locked)?Access|errors\._Suppressed|share\.Endpoint|_native\.map\.Lock)"),
    ("py:class", r"memlane\.buffer\.identity\._Fields"),
    ("py:class", r"memlane\.endpoint\.(Closing|NamedEndpoint)"),
    ("c:identifier", r"u?int\d+_t|size_t|bool"),
]


def add_contents(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the first page the tree of contents that its lists of links already are."""
    if docname != "index":
        return
    for section in source[0].split("\n## ")[1:]:
        caption, _, text = section.partition("\n")
        pages = re.findall(r"\]\(([\w/-]+)\.md\)", text)
        source[0] += "\n\n```{toctree}\n:hidden:\n" + f":caption: {caption}\n\n" + "\n".join(pages) + "\n```\n"


def hide_the_binding(_app: Sphinx, _name: str, _object: object, _options: object, bases: list[type]) -> None:
    """Leave out bases that no user imports: their members stand in the public class."""
    bases[:] = [base for base in bases if not base.__module__.startswith("memlane._")] or [object]


def mark_promises(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Make a paragraph of each of our own sections of a docstring: one line, and those indented below it."""
    inside = False
    for number, line in enumerate(lines):
        begins = re.match(r"(Units|Concurrency|Source): ", line)
        inside = bool(begins) or (inside and line.startswith("    "))
        if begins:
            lines[number] = f"**{begins[1]}:** {line[begins.end() :]}"
        elif inside:
            lines[number] = line.strip()
    lines[:] = re.sub(r"\n(?=\*\*\w+:\*\* )", "\n\n", "\n".join(lines)).split("\n")


def setup(app: Sphinx) -> None:
    """Hook into the build."""
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-bases", hide_the_binding)
    app.connect("autodoc-process-docstring", mark_promises, priority=100)  # before the sections of Google's form

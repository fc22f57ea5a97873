"""Links of README.md and docs/ lead somewhere."""

from __future__ import annotations

import os

import pytest

from tests.docs import pages


def resolve(page: str, target: str) -> tuple[str, str]:
    """Split a relative link into the file that it leads to, from the repository's root, and the anchor in it."""
    path, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    return file, anchor


@pytest.mark.parametrize("page", pages.all_pages())
def test_relative_links_of_the_page_resolve(page: str) -> None:
    """A link to nowhere is found by readers first."""
    targets = [resolve(page, target) for target in pages.links(page) if "://" not in target]
    missing = [file for file, _ in targets if not (pages.REPOSITORY / file).exists()]
    present = [(file, anchor) for file, anchor in targets if file not in missing and anchor]
    unknown = [f"{file}#{anchor}" for file, anchor in present if anchor not in pages.anchors(file)]

    assert (missing, unknown) == ([], [])


def test_every_page_can_be_reached_from_the_index() -> None:
    """A page without a way to it is not read."""
    reached: set[str] = set()
    to_visit = ["docs/index.md"]
    while to_visit:
        page = to_visit.pop()
        reached.add(page)
        found = (resolve(page, target)[0] for target in pages.links(page) if "://" not in target)
        to_visit += [
            file
            for file in found
            if file.endswith(".md") and file not in reached and (pages.REPOSITORY / file).is_file()
        ]

    assert set(pages.all_pages()) - {"README.md"} <= reached

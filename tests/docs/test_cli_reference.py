"""The reference of the command says what `--help` says."""

from __future__ import annotations

import re
import runpy
import sys

import pytest

from tests.docs import pages

REFERENCE = runpy.run_path(str(pages.REPOSITORY / "tools" / "cli_reference.py"))


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help differently in each version")
def test_the_page_has_the_help_of_every_subcommand() -> None:
    """Who has no terminal at hand reads it here."""
    page = REFERENCE["PAGE"].read_text(encoding="utf-8")

    assert page == REFERENCE["current"](page), "python tools/cli_reference.py --write"


@pytest.mark.parametrize(
    ("name", "heading"), [("docs/how-to/demo.md", "# Run the demo"), ("docs/reference/cli.md", "## memlane demo")]
)
def test_the_tables_of_the_demo_have_the_options_of_its_help(name: str, heading: str) -> None:
    """They say more than the help does, so they are written by hand."""
    options = re.findall(r"^  (--[a-z-]+(?: [A-Z]\S*)?)", REFERENCE["help_of"]("demo"), re.MULTILINE)
    _, _, after = pages.read(name).partition(f"{heading}\n")
    described = re.findall(r"^\| `(--[^`]+)` \|", after.partition("\n## ")[0], re.MULTILINE)

    assert sorted(described) == sorted(options)
    assert options

"""The reference of the command says what `--help` says."""

from __future__ import annotations

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

"""The page of screens shows every subcommand, in the form that it has today."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable
from memlane.cli import SUBCOMMANDS, main
from tests.docs import pages

if TYPE_CHECKING:
    from pathlib import Path

SCREENS = runpy.run_path(str(pages.REPOSITORY / "tools" / "screens.py"))
PAGE = SCREENS["PAGE"].read_text(encoding="utf-8")
AGAIN = "python tools/screens.py --write"


def screen_of(typed: str) -> list[str]:
    """Return the lines that the page shows below a command."""
    _, _, after = PAGE.partition(f"```text\n$ {typed}\n")
    screen: str = after.partition("\n```")[0]
    return screen.splitlines()


def test_every_subcommand_has_a_screen() -> None:
    """A new one is looked at in a terminal before others do."""
    assert SUBCOMMANDS.keys() - SCREENS["shown"](PAGE) == set(), AGAIN


def test_the_page_shows_what_the_script_types() -> None:
    """A screen that was added to the script is on the page."""
    typed = re.findall(r"^```text\n\$ (.*)$", PAGE, re.MULTILINE)

    assert typed == [*2 * [SCREENS["DEMO"]], *(screen.typed for screen in (*SCREENS["SCREENS"], *SCREENS["ALONE"]))], (
        AGAIN
    )


@pytest.mark.parametrize("subcommand", ["ls", "who", "top"])
def test_tables_have_the_heads_of_today(namespace: Path, capsys: pytest.CaptureFixture[str], subcommand: str) -> None:
    """Numbers change with each run, columns with a commit."""
    with HostVariable("pose") as variable:
        variable.data = 1
        main([subcommand, *(["--count", "1"] if subcommand == "top" else [])])

    heads = capsys.readouterr().out.splitlines()[0].split()
    assert screen_of(f"memlane {subcommand}")[0].split() == heads, AGAIN


def test_an_object_is_shown_with_the_facts_of_today(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So does what is told of each."""
    with HostVariable("pose") as variable:
        variable.data = 1
        main(["show", "pose"])

    facts = re.findall(r"^(\w+): ", capsys.readouterr().out, re.MULTILINE)
    shown = [line.partition(":")[0] for line in screen_of("memlane show pose") if re.match(r"\w+: ", line)]
    assert [fact for fact in shown if fact not in ("waiters", "schema")] == facts, AGAIN


def test_no_line_is_wider_than_the_terminal() -> None:
    """What a terminal breaks nobody can read."""
    lines = [
        line
        for text in re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        for line in text.splitlines()
    ]

    assert lines
    assert [line for line in lines if len(line) > SCREENS["COLUMNS"]] == []

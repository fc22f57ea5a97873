"""The table of hazards: every row that this version has to show names tests, and all of them exist."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent
CORE = TESTS.parent / "core"
ROWS = [*range(1, 17), *range(18, 30), *range(31, 42), 43, 45, 46]

tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")


@pytest.fixture(scope="module")
def hazards() -> list[dict[str, Any]]:
    """Give the rows of the table."""
    rows: list[dict[str, Any]] = tomllib.loads((TESTS / "hazards.toml").read_text())["hazard"]
    return rows


def functions_of(module: Path) -> set[str]:
    """Return the names of the functions at the top level of a module."""
    return {item.name for item in ast.parse(module.read_text()).body if isinstance(item, ast.FunctionDef)}


def test_table_has_exactly_the_rows_of_this_version(hazards: list[dict[str, Any]]) -> None:
    """A hazard without a row is a hazard that nobody tests."""
    assert [hazard["row"] for hazard in hazards] == ROWS


def test_every_row_names_something_that_shows_it(hazards: list[dict[str, Any]]) -> None:
    """An empty row would count as covered."""
    assert [hazard["row"] for hazard in hazards if not hazard.get("python", []) + hazard.get("c", [])] == []


def test_every_python_test_exists(hazards: list[dict[str, Any]]) -> None:
    """A test that was renamed must take its row along."""
    missing = [
        node
        for hazard in hazards
        for node in hazard.get("python", [])
        if node.split("::")[1] not in functions_of(TESTS / node.split("::")[0])
    ]

    assert missing == []


def test_every_c_program_and_model_exists(hazards: list[dict[str, Any]]) -> None:
    """The same for what is not Python."""
    programs = [CORE / "tests" / name for hazard in hazards for name in hazard.get("c", [])]
    models = [CORE / "models" / name for hazard in hazards for name in hazard.get("models", [])]

    assert [path.name for path in programs + models if not path.exists()] == []

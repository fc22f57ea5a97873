"""The page on proof names every mutant and every model, and nothing that does not exist."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PAGE = "docs/design/proof.md"


@pytest.fixture
def models() -> Iterator[ModuleType]:
    """Load the program that searches the models; it is a program, not a package."""
    specification = importlib.util.spec_from_file_location("models_run", pages.CORE / "models" / "run.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["models_run"] = module
    specification.loader.exec_module(module)

    yield module

    del sys.modules["models_run"]


def scenario(run: Any) -> str:
    """Return a scenario as the page writes it."""
    return run.scenario or "as it is"


def mutants_of_the_core() -> list[str]:
    """Return the names by which a build chooses a mutant."""
    header = (pages.CORE / "src" / "mutant.h").read_text()
    names = re.findall(r"^    MEMLANE_MUTANT_(\w+)", header, re.MULTILINE)
    return sorted(name.lower().replace("_", "-") for name in names if name != "NONE")


def test_every_mutant_of_the_core_is_on_the_page() -> None:
    """A mutant that no tool catches is a mistake that no tool would notice."""
    documented = [row["Mutant"] for row in pages.table(PAGE, "## Mutants of the core")]

    assert sorted(documented) == mutants_of_the_core()


def test_every_mutant_of_the_core_has_a_tool_and_a_model(models: ModuleType) -> None:
    """Where a tool cannot see the mistake, a model has to."""
    known = {mutant.name for mutant in models.MUTANTS}
    rows = pages.table(PAGE, "## Mutants of the core")

    assert [row["Mutant"] for row in rows if not row["Caught by"]] == []
    assert {row["Also by the model's mutant"] for row in rows} <= known


def test_every_mutant_of_the_models_is_on_the_page(models: ModuleType) -> None:
    """The page and the program that runs them say the same."""
    documented = [tuple(row.values()) for row in pages.table(PAGE, "## Mutants of the models")]

    assert documented == [(run.model, run.name, scenario(run), run.weakens) for run in models.MUTANTS]


def test_every_search_of_the_models_is_on_the_page(models: ModuleType) -> None:
    """What was searched says how far the proof goes."""
    documented = [tuple(row.values())[:3] for row in pages.table(PAGE, "## Models")]

    assert documented == [(run.model, scenario(run), run.shows) for run in models.SEARCHES]


def test_differences_between_code_and_models_are_named() -> None:
    """Who reads that a model holds believes that the code does the same."""
    words = {"bell": "SLEEP_ON_WORD", "pin_moves": "SCAN_ONCE"}  # of the models, and what code without them is
    layout = (pages.CORE / "src" / "layout.h").read_text()
    different = {mutant for word, mutant in words.items() if not re.search(rf"\b{word}\b", layout)}

    heading = "## Where the code is not the model"
    documented = pages.table(PAGE, heading) if heading in pages.read(PAGE) else []

    assert {row["Mutant that is the code"] for row in documented} == different

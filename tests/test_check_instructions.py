"""The guard of instruction counts itself: what it reads of a profile, and what it says of budgets."""

from __future__ import annotations

import runpy

from tests.peer import REPOSITORY

CHECK = runpy.run_path(str(REPOSITORY / "tools" / "check_instructions.py"))

PROFILE = """\
fn=(7) main
0 30
cfn=(8) memlane_open
calls=1 0
0 75000
0 5
cfn=(9) share_put
calls=1 0
0 700
0 4
cfn=(9)
calls=999 0
0 579300
0 1000

fn=(9) share_put
0 9000
cfn=(10) memcpy
calls=1000 0
0 12000
"""


def test_an_operation_costs_the_mean_of_its_calls_with_all_that_it_calls() -> None:
    """The first call is not the only one, and an opening is no operation."""
    assert CHECK["costs"](PROFILE) == {"share_put": 580}


def test_what_is_over_its_budget_is_named_with_both_numbers() -> None:
    """Who raises a budget must know from what to what."""
    found, allowed = {"put": 1031, "get": 1030, "new": 5}, {"put": 1000, "get": 1000, "gone": 7}

    said = list(CHECK["excesses"](found, allowed))

    assert said == [
        "gone has a budget and is not counted: is it in operations.c?",
        "new has no budget: instructions.txt is to say new 5",
        "put takes 1031 instructions, its budget is 1000",
    ]


def test_a_budget_far_above_is_to_be_lowered() -> None:
    """It would let the cost creep back."""
    said = list(CHECK["savings"]({"put": 899, "get": 900}, {"put": 1000, "get": 1000}))

    assert said == ["put takes 899 instructions: lower its budget of 1000, which guards nothing"]


def test_budgets_are_written_as_they_are_read() -> None:
    """What the tool writes is what it compares with afterwards."""
    text = CHECK["BUDGETS"].read_text(encoding="utf-8")
    compiler, allowed = CHECK["budgets"](text)

    assert CHECK["written"](text, compiler, allowed) == text
    assert allowed

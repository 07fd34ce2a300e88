"""The worksheet's example is what its formulas make of its numbers."""

from __future__ import annotations

import math

import pytest

from flowworker.settings import Settings
from tests.docs.pages import REFERENCE, table, words

PAGE = REFERENCE.parent / "how-to" / "size-a-fleet.md"
FUNCTIONS = {"__builtins__": {}, "ceil": math.ceil, "max": max, "min": min}


def rows(heading):
    return table(PAGE, heading)


def given():
    """The numbers of the first two tables, by their names."""
    known = {words(row[""])[0]: float(row["example"]) for row in rows("What you know")}
    return known | {words(row[""])[0]: float(row["measured"]) for row in rows("What one costs")}


def worked():
    """What each formula makes of them, and what the page says that it does."""
    known = given()
    for row in rows("What follows"):
        [name], [formula] = words(row[""]), words(row["formula"])
        known[name] = eval(formula, dict(FUNCTIONS), known)
        yield pytest.param(known[name], row["example"], id=name)


@pytest.mark.parametrize(("found", "stated"), list(worked()))
def test_the_example_is_what_the_formulas_make_of_it(found, stated):
    digits = len(stated.partition(".")[2])

    assert f"{found:.{digits}f}" == stated


def test_messages_are_as_many_as_are_counted():
    known = given()
    page = REFERENCE.parent / "explanation" / "data-flow.md"

    # Of runs of five steps in a chain, per step
    assert f"| stored in all | {known['m_step'] + known['m_run'] / 5:g} |" in page.read_text(
        "utf-8"
    )


def test_its_defaults_are_those_of_the_code():
    settings = Settings()

    assert given()["C"] == settings.concurrency
    assert f"min(W, {settings.max_active})" in PAGE.read_text("utf-8")

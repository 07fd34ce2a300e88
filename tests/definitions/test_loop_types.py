"""Expressions over loops, where it is known what their handlers return."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from flowworker import App, StepContext
from flowworker.definitions import parse
from flowworker.errors import DefinitionError

app = App()


class Price(Struct):
    total: int


@app.step("urls")
def urls(ctx: StepContext) -> list[str]:
    return []


@app.step("count")
def count(ctx: StepContext) -> int:
    return 1


@app.step("price")
def price(ctx: StepContext) -> Price:
    return Price(1)


@app.step("sum")
def sum_(ctx: StepContext, value: Any) -> None: ...


@app.step("undo")
def undo(ctx: StepContext, value: Any) -> None: ...


TEXT = """
name: w
steps:
  - {{id: urls, uses: urls}}
  - {{id: count, uses: count}}
  - id: price
    uses: price
    depends_on: [urls, count]
    for_each: {{items: "{items}", tolerated_failures: {tolerated}}}
    saga: {{uses: undo, with: {{value: "${{{own}}}"}}}}
  - {{id: sum, uses: sum, depends_on: price, with: {{value: "${{{value}}}"}}}}
"""


def complaints(**parts: Any) -> list[str]:
    """What is said of the workflow with these parts, without places."""
    usual = {
        "items": "steps.urls.output",
        "tolerated": 0,
        "own": "steps.price.output.total",
        "value": "1",
    }
    try:
        parse(TEXT.format(**usual | parts), "f", app.handlers)
    except DefinitionError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"items": "steps.urls.output.filter(each, each != '')"},
        {"value": "steps.price.output[0].total + 1"},
        {"value": "steps.price.output.map(each, each.total)"},
        {"value": "steps.price.output.filter(each, each != null)", "tolerated": 2},
        {"value": "steps.price.output.size()", "tolerated": "5%"},
    ],
)
def test_a_loop_takes_and_gives_lists(parts):
    assert complaints(**parts) == []


def test_what_is_no_list_is_found():
    assert complaints(items="steps.count.output") == [
        "'for_each.items' of step 'price': expected a list or a map, found int"
    ]
    assert complaints(value="steps.price.output.total")
    assert complaints(value="steps.price.output + 1")
    # What is undone is one instance, whose output is no list
    assert complaints(own="steps.price.output.totl") == [
        "'saga' of step 'price': there is no 'totl'"
    ]
    assert complaints(own="steps.price.output[0]")

"""`with` is held to the parameters of handlers, where these are known."""

from __future__ import annotations

import pytest

from flowworker import App
from flowworker.definitions import parse
from flowworker.errors import DefinitionError

app = App()


@app.step("price")
async def price(ctx, sku: str, count: int = 1): ...


@app.step("whole")
async def whole(ctx, order: dict): ...


@app.step("free")
async def free(ctx): ...


def problems(text, handlers=app.handlers):
    try:
        parse(text, "f", handlers)
    except DefinitionError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{uses: price, with: {sku: x}}", []),
        ("{uses: price, with: {sku: x, count: 2}}", []),
        ("{uses: price}", []),
        ("{uses: whole, with: {anything: 1}}", []),
        ("{uses: free, with: {anything: 1}}", []),
        (
            "{uses: price, with: {sku: x, cuont: 2}}",
            [
                "f:3:39: 'with' of step 'a': no parameter of handler 'price' takes 'cuont' "
                "(did you mean 'count'?)"
            ],
        ),
        (
            "{uses: price, with: {count: 2}}",
            ["f:3:30: 'with' of step 'a' lacks 'sku', which handler 'price' requires"],
        ),
        (
            "{uses: free, fallback: {uses: price, with: {x: 1}}, saga: {uses: price, with: {}}}",
            [
                "f:3:53: 'fallback.with' of step 'a' lacks 'sku', which handler 'price' requires",
                "f:3:54: 'fallback.with' of step 'a': no parameter of handler 'price' takes 'x'",
                "f:3:88: 'saga.with' of step 'a' lacks 'sku', which handler 'price' requires",
            ],
        ),
    ],
)
def test_what_handlers_take(text, expected):
    assert problems(f"name: w\nsteps:\n- {{id: a, {text[1:]}\n") == expected


def test_names_alone_say_nothing_about_parameters():
    text = "name: w\nsteps: [{id: a, uses: price, with: {x: 1}}]\n"
    assert problems(text, frozenset({"price"})) == []
    assert problems(text, None) == []
    assert problems(text, {"price": object()}) == []

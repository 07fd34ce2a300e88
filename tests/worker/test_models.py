# mypy: disable-error-code="empty-body"
"""pydantic models wherever dataclasses may be, and views that FastAPI can return."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from flowworker import Runner, RunResult, RunStatus, RunSummary, RunView, StepView, parse
from flowworker.client.starting import encode_input
from flowworker.core.status import Outcome, StepStatus
from flowworker.errors import InvalidInput, RunFailed
from flowworker.handlers.context import StepContext
from flowworker.handlers.handler import Handler
from tests.support.histories import bodies

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]


class Line(BaseModel):
    sku: str
    count: int = Field(default=1, ge=1)


class Order(BaseModel):
    order_id: int = Field(alias="orderId")
    lines: list[Line] = []


@dataclass
class Basket:
    orders: list[Order]


async def whole(ctx, order: Order): ...
async def annotated(ctx, order: Annotated[Order, "a note"]): ...
async def by_name(ctx, order: Order, line: Line | None = None): ...


ORDER = {"orderId": 7, "lines": [{"sku": "x"}]}
READ = Order(orderId=7, lines=[Line(sku="x")])


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (whole, {**ORDER, "_workflow_id": "r1"}, {"order": READ}),
        (whole, {"order": ORDER}, {"order": READ}),
        (annotated, ORDER, {"order": READ}),
        (by_name, {"order": ORDER, "line": None}, {"order": READ, "line": None}),
    ],
)
def test_arguments_may_be_models(function, given, expected):
    assert Handler("h", function).arguments(given) == expected


async def test_an_input_that_a_model_refuses_fails_the_attempt_for_good(fleet):
    calls = []

    @fleet.app.step("ship")
    async def ship(ctx, basket: Basket):
        calls.append(basket)

    await fleet.worker()
    await fleet.run("ship", input={"orders": [ORDER, {"orderId": 8, "lines": [{"count": 0}]}]})

    record = await fleet.ended()
    assert record.outcome is Outcome.FAILED
    assert record.error.type == "ConversionError"
    assert not record.error.retryable
    assert "ship: argument 'basket': Field required - at `$.orders[1].lines[0].sku`; " in (
        record.error.message
    )
    assert calls == []


async def test_results_and_emits_may_be_models(fleet):
    @fleet.app.step("make")
    async def make(ctx):
        await ctx.emit("order.made", READ)
        return {"made": [READ]}

    await fleet.worker()
    await fleet.run("make")

    assert await fleet.output() == {
        "made": [{"orderId": 7, "lines": [{"sku": "x", "count": 1}]}],
    }
    [event] = [
        event
        for raw in await bodies(fleet.backend.events, "r1")
        if (event := msgspec.json.decode(raw))["type"] == "order.made"
    ]
    assert event["data"] == {
        "orderId": 7,
        "lines": [{"sku": "x", "count": 1}],
        "_workflow_id": "r1",
    }


FLOW = """
name: shop
input_schema: {type: object, required: [orderId]}
steps:
  - {id: price, uses: price}
  - {id: ship, uses: ship, depends_on: [price]}
"""


class Priced(BaseModel):
    total: int


async def test_models_go_through_a_runner_from_its_input_to_its_results():
    async with Runner() as runner:

        async def price(ctx, order: Order) -> Priced:
            return Priced(total=len(order.lines))

        def ship(ctx, price: Priced) -> str:
            return f"shipped {price.total}"

        runner.register_handler("price", price)
        runner.register_handler("ship", ship)
        runner.register(parse(FLOW))

        assert (await runner.execute_sync("r1", "shop", READ))["ship"] == "shipped 1"
        with pytest.raises(InvalidInput, match="orderId"):
            await runner.execute_sync("r2", "shop", Line(sku="x"))
        with pytest.raises(RunFailed, match=r"Input should be a valid integer.* `\$.orderId`"):
            await runner.execute_sync("r3", "shop", {"orderId": "x"})


def test_the_input_of_a_start_may_be_a_model():
    assert encode_input(READ, 1000) == b'{"orderId":7,"lines":[{"sku":"x","count":1}]}'


class Plain: ...


class Subclassed: ...


class Given(Subclassed): ...


class Shape(Protocol):
    area: float


@dataclass
class Wrapped:
    plain: dict[str, list[Plain]]


class Tree(msgspec.Struct):
    below: list[Tree] = []
    plain: Plain | None = None


async def takes_plain(ctx, it: Plain): ...
async def takes_wrapped(ctx, it: Wrapped): ...
async def takes_tree(ctx, it: Tree): ...
async def takes_deque(ctx, it: deque[int]): ...
async def takes_subclassed(ctx, it: Subclassed): ...
async def takes_shape(ctx, it: Shape): ...
async def takes_union(ctx, it: Order | Line): ...
async def takes_keys(ctx, sums: list[dict[Order, int]]): ...
async def takes_pair_keys(ctx, sums: dict[tuple[int, int], int]): ...
async def takes_iterator(ctx, it: AsyncIterator[int]): ...
async def returns_plain(ctx) -> Plain: ...
async def returns_wrapped(ctx) -> Wrapped | Basket: ...
def returns_complex(ctx) -> list[complex]: ...
async def returns_deque(ctx) -> dict[str, deque[int]]: ...
async def returns_keys(ctx) -> dict[tuple[int, int], str]: ...
async def returns_iterator(ctx) -> AsyncIterator[int]: ...
def returns_generators(ctx) -> list[Generator[int, None, None]]: ...


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (takes_plain, "no JSON value becomes a Plain"),
        (takes_wrapped, "no JSON value becomes a Plain"),
        (takes_tree, "no JSON value becomes a Plain"),
        (takes_deque, "no JSON value becomes a deque"),
        (takes_subclassed, "no JSON value becomes a Subclassed"),
        (takes_shape, "no JSON value becomes a Shape"),
        (takes_union, "Type unions may not contain more than one custom type"),
        (takes_iterator, "no JSON value becomes a AsyncIterator"),
        (takes_keys, "the keys of a JSON object are texts"),
        (takes_pair_keys, "the keys of a JSON object are texts"),
        (returns_plain, "a Plain does not become JSON"),
        (returns_wrapped, "a Plain does not become JSON"),
        (returns_complex, "a complex does not become JSON"),
        (returns_deque, "a deque does not become JSON"),
        (returns_iterator, "a AsyncIterator does not become JSON"),
        (returns_keys, "the keys of a JSON object are texts"),
        (returns_generators, "a Generator does not become JSON"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_converted_is_refused_with_its_place_before_it_runs(function, problem):
    with pytest.raises(InvalidInput) as caught:
        Handler("h", function)

    code = function.__code__
    place = f"of {function.__name__} ({code.co_filename}:{code.co_firstlineno}): {problem}"
    assert place in str(caught.value)


async def takes_object(ctx, it: object) -> object: ...
async def returns_shape(ctx) -> Shape: ...
async def returns_subclassed(ctx) -> Subclassed: ...
async def returns_union(ctx) -> Order | Basket | Line: ...
async def returns_tree(ctx) -> tuple[int, ...] | None: ...
async def returns_unknown(ctx) -> Unknown: ...
async def returns_context(ctx) -> StepContext.nothing: ...  # type: ignore[name-defined]
def returns_mapping(ctx) -> dict[Any, Any]: ...


@pytest.mark.parametrize(
    "function",
    [
        takes_object,
        returns_shape,
        returns_subclassed,
        returns_union,
        returns_tree,
        returns_unknown,
        returns_context,
        returns_mapping,
    ],
)
def test_what_may_become_json_is_accepted(function):
    handler = Handler("h", function)
    handler.resolve()

    assert handler.arguments({"it": {"a": 1}}) in ({}, {"it": {"a": 1}})


async def returns_later(ctx) -> Later: ...


EARLY = Handler("h", returns_later)


class Later: ...


def test_a_result_that_is_defined_further_down_is_refused_before_the_worker_starts():
    with pytest.raises(InvalidInput, match="a Later does not become JSON"):
        EARLY.resolve()


STEP = StepView("pay", StepStatus.WAITING_HUMAN, error="no")


@pytest.mark.parametrize(
    "view",
    [
        STEP,
        RunView("r1", "shop", "v1", RunStatus.WAITING_HUMAN, 1.5, steps=(STEP,)),
        RunSummary("r1", "shop", RunStatus.COMPLETED),
        RunResult("r1", "shop", RunStatus.COMPLETED, output={"pay": {"ok": [1]}}),
    ],
    ids=lambda view: type(view).__name__,
)
def test_a_view_can_be_the_response_of_a_web_framework(view):
    adapter = TypeAdapter(type(view))

    assert adapter.dump_json(view) == msgspec.json.encode(view)
    assert adapter.validate_json(adapter.dump_json(view)) == view
    schema = adapter.json_schema()  # of what may be within itself it is a reference
    name = schema.get("title") or schema["$ref"].rpartition("/")[2]
    assert name == type(view).__name__

"""How a function becomes a handler: what may be registered, and what its arguments become."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
import pytest

from flowworker.errors import ConversionError, InvalidInput
from flowworker.handlers.app import App
from flowworker.handlers.context import StepContext
from flowworker.handlers.handler import Handler
from tests.worker.shapes import Address, Colour, Item, Order, Parcel, Tree

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]


class Runtime(Protocol):
    def connect(self) -> None: ...


async def by_name(ctx: StepContext, order_id: int): ...
async def several(ctx, order_id: int, note: str = "none"): ...
async def keyword_only(ctx, *, order_id: int): ...
async def of_struct(ctx, order: Order): ...
async def of_dataclass(ctx, item: Item): ...
async def of_typed_dict(ctx, address: Address): ...
async def of_attrs(ctx, parcel: Parcel): ...
async def of_dict(ctx, everything: dict): ...
async def of_typed_mapping(ctx, everything: dict[str, int]): ...
async def of_mapping(ctx, everything: Mapping[str, Any]): ...
async def of_any(ctx, everything: Any): ...
async def untyped(ctx, everything): ...
async def annotated(ctx, order: Annotated[Order, "a note"]): ...
async def constrained(ctx, amount: Annotated[int, msgspec.Meta(ge=1)]): ...
async def of_list(ctx, orders: list[Order]): ...
async def of_enum(ctx, colour: Colour): ...
async def of_time(ctx, at: datetime): ...
async def of_keys(ctx, by_id: dict[int, str]): ...
async def optional(ctx, order: Order | None = None): ...
async def recursive(ctx, tree: Tree): ...
async def context_alone(ctx): ...


ID = {"order_id": 7}
WHOLE = {"sku": "x", "city": "Y", "weight": 2, "left": None, **ID}


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (context_alone, WHOLE, {}),
        (by_name, WHOLE, {"order_id": 7}),
        (several, WHOLE, {"order_id": 7}),
        (several, {"order_id": 1, "note": "n"}, {"order_id": 1, "note": "n"}),
        (keyword_only, WHOLE, {"order_id": 7}),
        (of_struct, WHOLE, {"order": Order(7)}),
        (of_struct, {"order": ID, "order_id": "not this one"}, {"order": Order(7)}),
        (of_dataclass, WHOLE, {"item": Item("x")}),
        (of_typed_dict, {"city": "Y"}, {"address": {"city": "Y"}}),
        (of_attrs, WHOLE, {"parcel": Parcel(2.0)}),
        (of_dict, WHOLE, {"everything": WHOLE}),
        (of_typed_mapping, ID, {"everything": ID}),
        (of_mapping, WHOLE, {"everything": WHOLE}),
        (of_any, WHOLE, {"everything": WHOLE}),
        (untyped, WHOLE, {"everything": WHOLE}),
        (untyped, {"everything": [1]}, {"everything": [1]}),
        (annotated, WHOLE, {"order": Order(7)}),
        (of_list, {"orders": [ID, ID]}, {"orders": [Order(7), Order(7)]}),
        (of_enum, {"colour": "red"}, {"colour": Colour.RED}),
        (of_time, {"at": "2024-01-01T00:00:00Z"}, {"at": datetime(2024, 1, 1, tzinfo=UTC)}),
        (of_keys, {"by_id": {"7": "x"}}, {"by_id": {7: "x"}}),
        (optional, WHOLE, {}),
        (optional, {"order": ID}, {"order": Order(7)}),
        (recursive, WHOLE, {"tree": Tree()}),
    ],
)
def test_arguments_come_from_the_input(function, given, expected):
    assert Handler("h", function).arguments(given) == expected


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (
            of_struct,
            {"order": {"order_id": "x"}},
            "h: argument 'order': Expected `int`, got `str` - at `$.order_id`",
        ),
        (of_struct, {"a": 1}, "h: argument 'order': Object missing required field `order_id`"),
        (constrained, {"amount": 0}, "h: argument 'amount': Expected `int` >= 1"),
        (
            by_name,
            {"b": 1, "a": 2},
            "h: argument 'order_id': expected `int`, but the input has no such key; found a, b",
        ),
        (
            several,
            {f"k{n:02}": n for n in range(30)},
            "found k00, k01, k02, k03, k04, k05, k06, k07, k08, k09, k10, k11, k12, k13, k14, "
            "k15, k16, k17, k18, k19 and 10 more",
        ),
    ],
)
def test_input_that_does_not_fit_is_named(function, given, message):
    with pytest.raises(ConversionError) as caught:
        Handler("h", function).arguments(given)

    assert message in str(caught.value)


async def no_context(): ...
async def keyword_context(*, ctx): ...
async def wrong_context(order: Order): ...
async def positional(ctx, order_id, /): ...
async def star(ctx, *args): ...
async def double_star(ctx, **rest): ...
async def generator(ctx):
    yield 1


def plain_generator(ctx):
    yield 1


async def two_structs(ctx, order: Order | Tree): ...


async def no_such_attribute(ctx, order: Order.Line): ...  # type: ignore[name-defined]
async def no_such_context(ctx: msgspec.Nothing): ...  # type: ignore[name-defined]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_such_attribute, "h: an annotation of no_such_attribute"),
        (no_context, "must take the context as its first parameter"),
        (keyword_context, "must take the context as its first parameter"),
        (wrong_context, "'order' is annotated as Order"),
        (positional, "parameter 'order_id' of positional"),
        (star, "parameter '*args' of star"),
        (double_star, "parameter '**rest' of double_star"),
        (generator, "is a generator"),
        (plain_generator, "is a generator"),
        (two_structs, "h: parameter 'order' of two_structs ("),
        (Order, "expected a function, found"),
        (7, "expected a function, found 7"),
    ],
)
def test_what_cannot_be_a_handler_is_refused_at_once(function, message):
    with pytest.raises(InvalidInput) as caught:
        Handler("h", function)

    assert message in str(caught.value)
    assert str(caught.value).startswith("h: ")


def test_a_class_of_the_enclosing_function_is_found():
    class Local(msgspec.Struct):
        n: int

    app = App()

    @app.step("x")
    async def handler(ctx, local: Local): ...

    app.handlers["x"].resolve()  # as a worker does that starts: elsewhere
    assert app.handlers["x"].arguments({"n": 1}) == {"local": Local(1)}


app_of_this_module = App()


@app_of_this_module.step("forward")
async def forward(ctx, later: Later): ...


class Later(msgspec.Struct):
    n: int


def test_a_class_defined_further_down_is_found():
    handler = app_of_this_module.handlers["forward"]

    assert handler.arguments({"n": 1}) == {"later": Later(1)}
    handler.resolve()


def test_an_annotation_for_type_checkers_only_is_a_clear_error():
    async def handler(ctx, unknown: Unknown): ...

    with pytest.raises(InvalidInput, match="'Unknown' is not defined; import it at run time"):
        Handler("h", handler).resolve()


def test_the_annotations_of_context_and_result_need_not_exist():
    async def handler(ctx: Unknown, order_id: int) -> Unknown: ...

    assert Handler("h", handler).arguments(ID) == ID


class MyContext(StepContext):
    pass


async def own_context(ctx: MyContext): ...
async def protocol_context(ctx: Runtime): ...
async def object_context(ctx: object): ...
async def any_context(ctx: Any): ...


@pytest.mark.parametrize(
    "function", [own_context, protocol_context, object_context, any_context, no_such_context]
)
def test_a_context_may_be_annotated_freely(function):
    assert Handler("h", function).arguments({}) == {}


class Service:
    async def method(self, ctx, order_id: int): ...

    async def __call__(self, ctx, order_id: int): ...


class Blocking:
    def __call__(self, ctx, order_id: int): ...


def plain(ctx, order_id: int): ...


class Shipping:
    async def __call__(self, ctx, order: Order): ...


def test_the_annotations_of_a_callable_object_are_found_where_its_class_is():
    handler = Handler("h", Shipping())

    assert handler.arguments({"order_id": 7}) == {"order": Order(7)}


def wrapping(function):
    @functools.wraps(function)
    async def wrapper(*args, **options):
        return await function(*args, **options)

    return wrapper


async def with_extra(extra, ctx, order_id: int): ...


@pytest.mark.parametrize(
    ("function", "threaded"),
    [
        (by_name, False),
        (plain, True),
        (Service().method, False),
        (Service(), False),
        (Blocking(), True),
        (functools.partial(with_extra, "x"), False),
        (wrapping(by_name), False),
    ],
)
def test_anything_that_can_be_called_with_a_context_is_a_handler(function, threaded):
    handler = Handler("h", function)

    assert handler.threaded is threaded
    assert handler.arguments({"order_id": 7}) == ID


async def typed_context(ctx: StepContext[Service], order_id: int): ...


def test_a_context_may_name_the_type_of_its_runtime():
    assert Handler("h", typed_context).arguments(ID) == ID

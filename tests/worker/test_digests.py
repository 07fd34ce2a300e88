"""The digest of a handler's signature, by which people see that workers differ."""

from __future__ import annotations

import msgspec

from flowworker.handlers.context import StepContext
from flowworker.handlers.handler import Handler


class Old(msgspec.Struct):
    order_id: int


class New(msgspec.Struct):
    order_id: int
    note: str = ""


def digest(function) -> str:
    return Handler("add", function).digest


def test_handlers_that_take_and_return_the_same_have_one_digest():
    def one(ctx, order: Old) -> int | None: ...
    async def two(context: StepContext, order: Old) -> int | None: ...

    assert digest(one) == digest(two)
    assert len(digest(one)) == 16


def test_a_handler_that_takes_or_returns_something_else_has_another_digest():
    def of_old(ctx, order: Old): ...
    def of_new(ctx, order: New): ...
    def another_name(ctx, item: Old): ...
    def optional(ctx, order: Old = Old(1)): ...  # noqa: B008
    def returns(ctx, order: Old) -> int | None: ...
    def of_any(ctx, order): ...
    def of_none(ctx): ...

    functions = (of_old, of_new, another_name, optional, returns, of_any, of_none)
    assert len({digest(function) for function in functions}) == len(functions)

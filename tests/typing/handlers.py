"""What mypy --strict has to make of handlers; `make lint` reads them as if they were a user's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, assert_type

from flowworker import App, StepContext


class Database:
    async def fetch(self, query: str) -> list[str]:
        return [query]


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    yield Database()


app = App(lifespan=database)


@app.step("users.find")
async def find(ctx: StepContext[Database], name: str) -> list[str]:
    assert_type(ctx.runtime, Database)
    return await ctx.runtime.fetch(name)


@app.step("users.wrong")
async def wrong(ctx: StepContext[Database]) -> None:
    ctx.runtime.nonsense()  # type: ignore[attr-defined]


@app.step("users.untyped")
async def untyped(ctx: StepContext) -> None:
    assert_type(ctx.runtime, Any)


def helper(ctx: StepContext[object]) -> None:
    """A context of whatever runtime fits."""


@app.step("users.help")
def with_help(ctx: StepContext[Database]) -> None:
    helper(ctx)

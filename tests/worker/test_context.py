"""What a handler gets: who it is, its log, its heartbeat."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import structlog

from flowworker.core.status import Kind
from flowworker.errors import (
    InvalidInput,
)
from flowworker.handlers.context import current_context
from flowworker.telemetry.log import configure_logging
from tests.worker.fleet import Fleet
from tests.worker.inside import inside, inside_thread


async def test_a_context_says_who_it_is(fleet):
    fleet.app.runtime = object()

    async def body(ctx):
        return ctx

    ctx = await inside(fleet, body, kind=Kind.FALLBACK, turn=2, number=3, revision=0)

    assert (ctx.run_id, ctx.workflow_id, ctx.workflow) == ("r1", "r1", "order.fulfil")
    assert (ctx.step_id, ctx.kind, ctx.attempt) == ("s", Kind.FALLBACK, 3)
    assert ctx.idempotency_key == "r1/s/fallback"
    assert ctx.deadline is None
    assert ctx.cancelled is False
    assert ctx.runtime is fleet.app.runtime


@pytest.mark.parametrize(
    ("timeout", "deadline", "expected"),
    [(0.0, 0.0, None), (30.0, 0.0, 30.0), (0.0, 20.0, 20.0), (30.0, 20.0, 20.0), (5.0, 20.0, 5.0)],
)
async def test_the_deadline_is_the_earlier_of_step_and_workflow(fleet, timeout, deadline, expected):
    now = fleet.clock.now()

    async def body(ctx):
        return ctx.deadline

    found = await inside(fleet, body, timeout=timeout, deadline=now + deadline if deadline else 0.0)

    assert found == (None if expected is None else now + expected)


async def test_the_current_context_is_known_at_any_depth(fleet):
    async def deep():
        return current_context()

    async def body(ctx):
        return current_context() is ctx and await asyncio.create_task(deep()) is ctx

    assert await inside(fleet, body) is True


async def test_the_current_context_is_known_in_a_thread(fleet):
    async def there():
        return current_context()

    def body(ctx):
        return current_context() is ctx and ctx.run(there()) is ctx

    assert await inside_thread(fleet, body) is True


def test_there_is_no_context_outside_of_a_handler():
    with pytest.raises(InvalidInput, match="call it inside a handler"):
        current_context()


async def test_the_log_names_the_attempt(fleet, logs):
    async def body(ctx):
        ctx.log.warning("look", n=1)
        ctx.log.warning("again")

    await inside(fleet, body)

    names = {"run": "r1", "step": "s", "kind": "run", "attempt": 1}
    assert logs.at("warning") == [
        {"event": "look", "log_level": "warning", **names, "n": 1},
        {"event": "again", "log_level": "warning", **names},
    ]


async def test_what_users_log_names_the_attempt(fleet, capsys):
    configure_logging(json=True)

    async def body(ctx):
        logging.getLogger("shop").warning("from a coroutine")
        await asyncio.to_thread(logging.getLogger("shop").warning, "from its thread")

    await inside(fleet, body)
    await inside_thread(
        fleet, lambda ctx: logging.getLogger("shop").warning("from a function"), run="r2"
    )

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    shown = [(line["event"], line["run"], line["step"], line["attempt"]) for line in lines]
    assert shown == [
        ("from a coroutine", "r1", "s", 1),
        ("from its thread", "r1", "s", 1),
        ("from a function", "r2", "s", 1),
    ]


async def test_the_log_is_that_of_an_application_that_configured_structlog(settings):
    structlog.configure()
    try:
        fleet = Fleet(settings)
        with structlog.testing.capture_logs() as lines:

            async def body(ctx):
                ctx.log.info("look")

            await inside(fleet, body)
            await fleet.close()
    finally:
        structlog.reset_defaults()

    (line,) = [line for line in lines if line["event"] == "look"]
    assert line["run"] == "r1"

"""Steps that are repeated, by a Runner on each store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from flowworker import App, InMemStore, NATSStore, RedisStore, Runner, StateStore, parse

POLL = parse(
    """
name: poll
output: {n: "${steps.job.output}", looked: "${steps.job.iterations}"}
steps:
- id: job
  uses: look
  with: {first: "${input.first}"}
  repeat: {until: output >= 3, interval: "${input.pause}"}
"""
)


@pytest.mark.parametrize("kind", ["memory", "nats", "redis"])
async def test_a_step_is_repeated_on_each_store(kind, server, redis_server, namespace):
    stores: dict[str, Callable[[], StateStore]] = {
        "memory": InMemStore,
        "nats": partial(NATSStore, server.url, namespace=namespace, create=True),
        "redis": partial(RedisStore, redis_server.url, namespace=namespace),
    }
    app = App()

    @app.step("look")
    async def look(ctx, first: int) -> int:
        return first + ctx.iteration

    async with stores[kind]() as store, Runner(store=store, app=app) as runner:
        given = {"first": 0, "pause": 0.02}
        assert await runner.execute_sync_workflow("r1", POLL, given) == {"n": 3, "looked": 3}

"""A workflow's `output` becomes the result of its runs, wherever that is looked at."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, EventType, parse, wiring
from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import decode_value
from flowworker.core.payload import Inline
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.support import coordinated
from tests.support.histories import bodies
from tests.support.waiting import WAIT_LIMIT

FLOW = """
name: sums
output: {total: "${steps.a.output.n + steps.b.output.n}", of: "${input.of}", by: "${run.id}"}
steps:
- {id: a, uses: one, saga: {uses: undo}}
- {id: b, uses: one}
- {id: c, uses: one, depends_on: [a, b]}
"""


@pytest.fixture
def undone():
    return []


@pytest.fixture
async def fleet(backend, client, undone):
    app = App()

    @app.step("one")
    async def one(ctx):
        return {"n": 1}

    @app.step("undo")
    async def undo(ctx):
        undone.append(ctx.step_id)

    worker = wiring.make_worker(stores_of(backend), app, Metrics(CollectorRegistry()))
    await worker.start()
    coordinator = await coordinated(backend)
    yield client
    await worker.drain()
    await coordinator.stop()


async def test_it_is_the_result_in_the_reply_and_in_the_record(backend, fleet):
    await fleet.register(parse(FLOW))

    replied = await fleet.run("sums", {"of": "x" * 10}, run_id="r1", timeout=WAIT_LIMIT)
    read = await fleet.result("r1", WAIT_LIMIT)

    expected = {"total": 2, "of": "x" * 10, "by": "r1"}
    assert replied.status == read.status == "COMPLETED", replied
    assert replied.output == read.output == expected
    last = decode_event((await bodies(backend.events, "r1"))[-1])
    assert last.type == EventType.COMPLETED
    assert isinstance(last.data.output, Inline)
    assert decode_value("output", bytes(last.data.output.data)) == expected


async def test_a_large_one_is_kept_under_a_reference(backend, fleet):
    await fleet.register(parse(FLOW))
    text = "x" * 10_000

    result = await fleet.run("sums", {"of": text}, run_id="r1", timeout=WAIT_LIMIT)

    assert result.output["of"] == text
    assert any(key.startswith("r1.coordinator.result.") for key in await backend.payloads.keys(">"))


async def test_one_that_cannot_be_made_fails_the_run_and_undoes_it(fleet, undone):
    await fleet.register(parse(FLOW))

    result = await fleet.run("sums", {}, run_id="r1", timeout=WAIT_LIMIT)

    assert result.status == "FAILED"
    assert result.error.startswith("output: ExpressionError: ")
    assert "input has no 'of'" in result.error
    assert (result.output, undone) == ({}, ["a"])

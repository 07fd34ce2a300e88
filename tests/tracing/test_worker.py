"""What a worker makes of attempts that another one settles, and of those that others settled."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from flowworker.codec.trace import attempt_span
from flowworker.core.attempt import Attempt
from flowworker.core.status import Kind, Outcome
from flowworker.settings import Settings
from flowworker.telemetry.otel import tracing_with
from tests.support.waiting import eventually
from tests.tracing.spans import id_of, links_of, said_of
from tests.worker.fleet import Fleet

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"
SPAN = int(attempt_span(TRACE, "r1", "s", Attempt(Kind.RUN, 1, 1)), 16)


@pytest.fixture
def tracing(spans):
    return tracing_with(spans.provider, "flowworker")


@pytest.fixture
async def fleet():
    fleet = Fleet(Settings(lease=30.0, drain=0.05))
    yield fleet
    await fleet.close()


async def test_a_worker_that_drains_leaves_the_span_to_the_next_one(fleet, spans, tracing):
    # Given a worker with a handler that does not end
    begun = asyncio.Event()
    go_on = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        begun.set()
        await go_on.wait()

    first = await fleet.worker(tracing=tracing)
    await fleet.run("wait", trace=GIVEN)
    await eventually(begun.is_set)

    # When it is drained, and another one goes on
    drained = asyncio.create_task(first.drain())
    await fleet.clock.advance(1.0)
    await drained
    go_on.set()
    await fleet.worker(tracing=tracing)
    await fleet.ended()

    # Then each has exported what it did, and the second one has the attempt's span
    released, settled = sorted(spans.named("run s"), key=lambda span: id_of(span) == SPAN)
    assert said_of(released)["flowworker.attempt.result"] == "released"
    assert links_of(released, "attempt") == {id_of(settled)} == {SPAN}
    assert said_of(settled)["flowworker.attempt.result"] == "success"


async def test_a_worker_that_lost_its_claim_says_so(fleet, spans, tracing):
    # Given an attempt whose record another worker takes over while its handler runs
    go_on = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await go_on.wait()

    await fleet.worker(tracing=tracing)
    await fleet.run("wait", trace=GIVEN)
    theirs = replace(await fleet.record(), worker="another", lost=1)
    await fleet.write(theirs, await fleet.revision())
    go_on.set()
    await eventually(lambda: spans.named("run s"))

    span = spans.one("run s")
    assert id_of(span) != SPAN
    assert said_of(span)["flowworker.attempt.result"] == "lost"


async def test_an_outcome_that_was_not_acknowledged_is_traced_by_who_finds_it(
    fleet, spans, tracing
):
    # Given an attempt that ended in a worker that did not live to export it
    @fleet.app.step("do")
    async def do(ctx):
        return None

    untraced = await fleet.worker()
    message = await fleet.run("do", trace=GIVEN)
    await fleet.ended()
    await untraced.drain()

    # When its message comes again
    await fleet.worker(tracing=tracing)
    await fleet.send(message, again="x")
    await eventually(lambda: spans.named("run s"))

    # Then the span is as the first worker would have made it
    record = await fleet.record()
    span = spans.one("run s")
    assert id_of(span) == SPAN
    assert record.outcome is Outcome.COMPLETED
    assert said_of(span)["messaging.client.id"] == record.worker == untraced.id
    assert (span.start_time, span.end_time) == (
        int(record.started_at * 1e9),
        int(record.finished_at * 1e9),
    )

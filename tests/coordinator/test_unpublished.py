"""What a dead worker wrote and did not tell is reported before anything follows from it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.client import Client
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import inline
from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.backends import memory

FLOW = Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",))))
RUN = "r1"


def made(backend):
    return wiring.make_coordinator(stores_of(backend), Metrics(CollectorRegistry()))


async def test_a_new_owner_tells_what_a_dead_worker_did_not():
    async with memory(partitions=1) as backend:
        # Given a run whose coordinator and whose worker are gone, the latter after its last write
        client, first = Client(stores_of(backend)), made(backend)
        await client.register(FLOW)
        await first.start()
        await client.start("two", run_id=RUN)
        assert [event async for event in take(client, 1)]
        await first.stop()
        record = StepRecord(
            RUN,
            "a",
            Kind.RUN,
            turn=1,
            number=1,
            outcome=Outcome.COMPLETED,
            worker="w1",
            started_at=5.0,
            finished_at=6.0,
            output=inline(b"{}"),
        )
        revision = await RunStore(backend.runs).save_step("default", record, 0)

        # When another coordinator takes over
        second = made(backend)
        await second.start()
        reported = [event async for event in take(client, 3)]
        await second.stop()
        client.close()

        # Then the history is whole
        assert [event["type"].removeprefix("workflow.") for event in reported] == [
            "started",
            "step.started",
            "step.completed",
        ]
        assert reported[-1]["data"]["revision"] == revision


async def take(client, count):
    """The first events of the run."""
    events = client.watch(RUN)
    for _ in range(count):
        yield await anext(events)
    await events.aclose()

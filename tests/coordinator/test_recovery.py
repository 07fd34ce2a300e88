"""A run is rebuilt from what is durable, no matter where its events and messages are in flight."""

from __future__ import annotations

from dataclasses import replace as with_fields

import pytest
from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.codec.messages import decode_step_message
from flowworker.coordinator.driving.scheduler import Scheduler
from flowworker.core.event_types import EventType
from flowworker.core.model import Step, Workflow
from flowworker.core.status import Priority, RunStatus
from flowworker.ports import Delivery, StepAddress
from flowworker.stores.runs import RunStore
from tests.coordinator.support import coordinated
from tests.support.faults import Flaky
from tests.support.histories import bodies
from tests.support.waiting import eventually

FLOW = Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",))))
RUN = "r1"
ADDRESS = StepAddress("default", Priority.NORMAL, RUN, "a")


@pytest.fixture
async def begun(backend, client):
    """A run whose first step is queued, and whose coordinator is gone."""
    await client.register(FLOW)
    first = await coordinated(backend)
    await client.start("two", run_id=RUN)
    await eventually(lambda: backend.steps.queued(ADDRESS))
    await first.stop()


@pytest.mark.usefixtures("begun")
async def test_what_another_process_has_in_flight_and_does_not_follow_is_followed(backend, client):
    # Given somebody who was handed a request and hangs
    inflight: list[Delivery] = []
    hung = await backend.events.consume(0, inflight.append)
    hung.grant(1)
    request = cloud_event(
        "flowworker", EventType.CANCEL_REQUESTED, EventData(id=RUN, name="two"), 0.0
    )
    await backend.events.publish(RUN, request.type, encode(request), request.id)

    # When another coordinator takes over
    second = await coordinated(backend)
    result = await client.result(RUN, 5)
    await second.stop()

    assert result.status == "CANCELLED"
    assert [delivery.delivered for delivery in inflight] == [1]
    await hung.stop()


@pytest.mark.usefixtures("begun")
async def test_a_step_message_that_was_removed_is_enqueued_again(backend):
    [before] = await backend.steps.queued(ADDRESS)
    await backend.steps.drop(RUN)

    second = await coordinated(backend)
    await eventually(lambda: backend.steps.queued(ADDRESS))
    await second.stop()

    assert await backend.steps.queued(ADDRESS) == [before]


@pytest.mark.usefixtures("begun")
async def test_a_step_message_that_is_there_is_not_enqueued_again(backend, monkeypatch):
    looked = []
    queued = backend.steps.queued

    async def look(address):
        looked.append(address)
        return await queued(address)

    monkeypatch.setattr(backend.steps, "queued", look)
    for _ in range(2):
        looked.clear()
        coordinator = await coordinated(backend)

        # It rebuilds the run, and looks whether its message is there
        async def has_looked():
            return looked == [ADDRESS]

        await eventually(has_looked)
        await coordinator.stop()

    assert len(await backend.steps.queued(ADDRESS)) == 1


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("body", [b"", b"no message", b'{"v": 99}'])
async def test_what_is_no_message_of_the_step_does_not_count(backend, body):
    await backend.steps.drop(RUN)
    await backend.steps.enqueue(ADDRESS, body, "nonsense")

    second = await coordinated(backend)

    async def is_restored():
        return len(await backend.steps.queued(ADDRESS)) == 2

    await eventually(is_restored)
    await second.stop()
    queued = await backend.steps.queued(ADDRESS)
    assert decode_step_message(queued[-1]).step == "a"


@pytest.mark.usefixtures("begun")
async def test_a_defect_that_one_run_meets_does_not_end_the_sweep(backend, monkeypatch):
    # Given a run whose message was removed, and a defect that its rebuild meets at first
    await backend.steps.drop(RUN)
    right = Scheduler.recover
    met: list[str] = []

    async def defective(self, run):
        if len(met) < 3:
            met.append(run)
            raise ZeroDivisionError
        return await right(self, run)

    monkeypatch.setattr(Scheduler, "recover", defective)

    # When a coordinator looks after it
    coordinator = await coordinated(backend, sweep=0.05)

    async def is_queued():
        return await backend.steps.queued(ADDRESS)

    await eventually(is_queued)
    await coordinator.stop()

    # Then it is rebuilt as soon as that can be done
    assert met == [RUN] * 3


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("failing", ["events.publish", "timers.set", "runs.put"])
async def test_an_end_is_looked_after_until_all_that_follows_from_it_is_done(backend, failing):
    # Given a run whose end is durable, of which a message is left in its queue, as if it waited for
    # a worker, and a coordinator which gets no other event
    runs = RunStore(backend.runs)
    found = await runs.load(RUN)
    assert found is not None
    record, revision = found
    ended = replace(record, status=RunStatus.COMPLETED, finished_at=record.created_at + 1.0)
    await runs.save(ended, revision)
    port, method = failing.split(".")
    flaky = Flaky(getattr(backend, port), **{method: ["before"]})
    steps = Flaky(backend.steps)

    # When that fails, at first
    coordinator = await coordinated(with_fields(backend, steps=steps, **{port: flaky}), sweep=0.05)

    async def is_unlisted():
        return await runs.list(RunStatus.RUNNING) == []

    await eventually(is_unlisted)
    await coordinator.stop()

    # Then it is done by one of the next sweeps, before the run is unfinished no more
    assert [name for name, _ in steps.calls].count("backlog") < 16
    assert [name for name, _ in flaky.calls].count(method) > 1
    assert await runs.list(RunStatus.COMPLETED) == [("two", RUN)]
    assert b"workflow.completed" in (await bodies(backend.events, RUN))[-1]

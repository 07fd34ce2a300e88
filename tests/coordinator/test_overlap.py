"""Events of one run are decided upon one by one; their step messages do not wait for each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowworker.codec.cloudevents import attempt_events
from flowworker.codec.json import encode
from flowworker.core.facts import CancelRequested
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, Priority, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Conflict, Unavailable
from flowworker.ports import StepAddress
from flowworker.stores.runs import RunStore
from tests.coordinator.overlapping import (
    PAIRS,
    RUN,
    SlowHands,
    SlowSlots,
    begun,
    completed,
    following,
    runs_of,
    settled,
)
from tests.coordinator.support import coordinated
from tests.support.waiting import eventually


class HeldSteps:
    """A step queue that takes its time with the second of each pair, and refuses some once."""

    def __init__(self, inner):
        self.asked = []
        self.refused = set()
        self.open = asyncio.Event()
        self._inner = inner

    async def enqueue(self, address, data, message_id, due=0.0):
        if address.step.endswith("2"):
            self.asked.append(address.step)
            await self.open.wait()
        if address.step in self.refused:
            self.refused.remove(address.step)
            raise Unavailable("refused once")
        await self._inner.enqueue(address, data, message_id, due)

    def __getattr__(self, name):
        return getattr(self._inner, name)


@pytest.fixture
async def steps(backend, client):
    """Those of a run that has just begun, with a coordinator that follows it."""
    held = HeldSteps(backend.steps)
    coordinator = await coordinated(replace(backend, steps=held))
    await client.register(PAIRS)
    await client.start("pairs", run_id=RUN)
    await eventually(lambda: queued(backend, "c1"))
    yield held
    held.open.set()
    await coordinator.stop()


async def queued(backend, step):
    return await backend.steps.queued(StepAddress("default", Priority.NORMAL, RUN, step))


async def complete(backend, step):
    record = StepRecord(
        run=RUN,
        step=step,
        kind=Kind.RUN,
        turn=1,
        number=1,
        outcome=Outcome.COMPLETED,
        worker="w1",
        started_at=5.0,
        finished_at=6.0,
        output=EMPTY,
    )
    revision = await RunStore(backend.runs).save_step("default", record, 0)
    for event in attempt_events(backend.namespace, "pairs", "", record, revision):
        await backend.events.publish(RUN, event.type, encode(event), event.id)


async def all_are_asked_for(steps):
    async def asked():
        return sorted(steps.asked) == ["a2", "b2", "c2"]

    await eventually(asked)


async def all_is_acknowledged(backend):
    async def acknowledged():
        return backend.events.pending(RUN) == 0

    await eventually(acknowledged)


async def test_step_messages_are_in_flight_together_and_acknowledged_when_they_are_durable(
    backend, steps
):
    await all_is_acknowledged(backend)
    for name in "abc":
        await complete(backend, f"{name}1")

    await all_are_asked_for(steps)

    assert backend.events.pending(RUN) == 3
    steps.open.set()
    await all_is_acknowledged(backend)
    assert all([await queued(backend, f"{name}2") for name in "abc"])


async def test_a_step_message_that_fails_beside_others_is_made_good(backend, steps):
    await all_is_acknowledged(backend)
    steps.refused.add("b2")
    for name in "abc":
        await complete(backend, f"{name}1")
    await all_are_asked_for(steps)

    steps.open.set()

    await all_is_acknowledged(backend)
    assert all([await queued(backend, f"{name}2") for name in "abc"])
    assert not steps.refused


@pytest.fixture
def hands():
    return SlowHands()


@pytest.fixture
async def runs(backend, hands):
    return await runs_of(backend, hands, SlowSlots())


async def test_what_is_more_than_step_messages_waits_for_those_before(runs, hands):
    first = await following(runs, completed("a1"))
    second = asyncio.create_task(runs.follow(runs.get(RUN), CancelRequested("why"), lambda: None))
    await settled()
    assert hands.log == ["begin a2"]

    hands.may.set()

    assert [await first, await second] == [True, True]
    assert hands.log[1] == "end a2"
    assert hands.log[2].startswith("begin Save")


async def test_nothing_is_built_upon_step_messages_that_failed(runs, hands):
    first = await following(runs, completed("a1"))
    second = asyncio.create_task(runs.follow(runs.get(RUN), CancelRequested("why"), lambda: None))
    await settled()
    hands.error = Unavailable("away")

    hands.may.set()

    with pytest.raises(Unavailable):
        await first
    with pytest.raises(Conflict):
        await second
    assert hands.log == ["begin a2"]
    assert runs.get(RUN) is None


async def test_a_run_whose_step_messages_are_in_flight_is_held(runs, hands):
    first = await following(runs, completed("a1"))
    other = RunRecord("r2", "pairs", plan_of(PAIRS).hash, RunStatus.RUNNING, EMPTY, 0.0)

    await begun(runs, other)

    assert runs.get(RUN) is not None
    hands.may.set()
    await first


async def test_step_messages_that_are_in_flight_are_bounded(runs, hands, monkeypatch):
    monkeypatch.setattr("flowworker.coordinator.driving.active._OVERLAPPING", 2)
    inflight = [await following(runs, completed("a1")), await following(runs, completed("b1"))]

    last = asyncio.create_task(runs.follow(runs.get(RUN), completed("c1"), lambda: None))
    await settled()

    assert hands.log == ["begin a2", "begin b2"]
    hands.may.set()
    assert all(await asyncio.gather(*inflight, last))
    assert hands.log[-1] == "end c2"

"""A coordinator dies between the record of a step and that of the run that the step is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.coordinator.commands.entrance import Entrance
from flowworker.coordinator.steps.children import Children
from flowworker.core.attempt import Attempt
from flowworker.core.ids import COORDINATOR, child_run_id
from flowworker.core.model import Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, StepRecord, Stop, StopReason
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.errors import Unavailable
from flowworker.stores.sealing import INPUT
from tests.coordinator.resting import RUN
from tests.coordinator.test_children import CHILD, NAP, PARENT, step_of
from tests.support.listing import entry


async def test_the_fence_of_a_child_that_is_not_there_takes_its_id(world):
    """Its creator is between the step's record and the child's."""
    await world.client.register(Workflow("child", (NAP,)))
    await world.client.register(PARENT)
    plan = await world.stores.definitions.latest("parent")
    child = child_run_id(RUN, world.clock.now(), "call", Attempt(Kind.RUN, 1, 1))
    claim = StepRecord(RUN, "call", Kind.RUN, 1, 1, Outcome.RUNNING, child=child)
    await world.stores.runs.save_step(COORDINATOR, claim, 0)
    stop = Stop(StopReason.CANCELLED, "no")
    record = RunRecord(
        RUN, "parent", plan.hash, RunStatus.RUNNING, EMPTY, world.clock.now(), stop=stop
    )
    await world.stores.runs.save(record, 0)
    await world.stores.runs.index(entry(RunStatus.RUNNING, "parent", RUN, world.clock.now()))

    await world.coordinator()
    for _ in range(20):
        await world.pass_by(10.0)

    view = await world.client.status(RUN)
    assert (view.status, view.steps[0].status) == (RunStatus.CANCELLED, StepStatus.CANCELLED)
    gone = await world.client.status(child)
    assert (gone.status, gone.parent) == (RunStatus.CANCELLED, RUN)
    assert "stopped before this run began" in gone.error


async def test_a_child_that_stops_from_the_first_is_announced_by_the_next_to_find_it(
    world, monkeypatch
):
    """The coordinator that has made it so died before it had listed it."""
    await world.client.register(Workflow("child", (NAP,)))
    await world.coordinator()
    announce = Entrance.announce
    lost: list[str] = []

    async def die(self, record, revision):
        if record.stop is not None and not lost:
            lost.append(record.run)
            raise Unavailable("gone")
        await announce(self, record, revision)

    monkeypatch.setattr(Entrance, "announce", die)
    monkeypatch.setattr(Children, "start", never)
    await world.start(PARENT, {"n": 1})
    await world.client.cancel(RUN)
    for _ in range(30):
        await world.pass_by(10.0)

    assert (await world.client.status(RUN)).status is RunStatus.CANCELLED
    assert (await world.client.status(lost[0])).status is RunStatus.CANCELLED


async def never(*_args):
    raise Unavailable("gone")


@pytest.mark.parametrize("stop", [None, Stop(StopReason.CANCELLED, "no")])
async def test_what_was_kept_for_a_child_that_is_not_made_is_dropped(world, stop, monkeypatch):
    # Given a coordinator that died before the child's record, and a workflow that is gone since
    await world.client.register(CHILD)
    await world.client.register(PARENT)
    plan = await world.stores.definitions.latest("parent")
    await world.backend.definitions.purge("latest.child")
    child = child_run_id(RUN, world.clock.now(), "call", Attempt(Kind.RUN, 1, 1))
    claim = StepRecord(RUN, "call", Kind.RUN, 1, 1, Outcome.RUNNING, child=child)
    await world.stores.runs.save_step(COORDINATOR, claim, 0)
    given = b'"%s"' % (b"x" * 100_000)
    await world.stores.payloads.pack(child, COORDINATOR, "input.0", given, place=INPUT)
    record = RunRecord(
        RUN, "parent", plan.hash, RunStatus.RUNNING, EMPTY, world.clock.now(), stop=stop
    )
    await world.stores.runs.save(record, 0)
    await world.stores.runs.index(entry(RunStatus.RUNNING, "parent", RUN, world.clock.now()))
    assert await world.backend.payloads.keys(f"{child}.>")
    # And one that dies when it would drop what was kept
    purge = world.backend.payloads.purge
    calls = []

    async def die(pattern):
        calls.append(pattern)
        if len(calls) == 1:
            raise Unavailable("gone")
        await purge(pattern)

    monkeypatch.setattr(world.backend.payloads, "purge", die)

    await world.coordinator()
    for _ in range(20):
        await world.pass_by(10.0)

    ended = StepStatus.FAILED if stop is None else StepStatus.CANCELLED
    assert (await step_of(world)).status is ended
    assert await world.backend.payloads.keys(f"{child}.>") == []


async def test_a_child_whose_input_is_too_large_fails_its_step(world, monkeypatch):
    """It is smaller than the limit, and larger with the defaults that its workflow fills in."""
    monkeypatch.setattr(world.stores.payloads, "_limit", 5000)
    schema = {"properties": {"n": {}, "text": {"default": "x" * 5000}}}
    await world.client.register(replace(CHILD, input_schema=schema))
    await world.coordinator()

    await world.start(PARENT, {"n": 1})

    assert (await world.client.status(RUN)).status is RunStatus.FAILED
    assert (await step_of(world)).error == (
        "PayloadTooLarge: input: 5,017 bytes exceed the limit of 5,000 bytes; "
        "store it elsewhere and pass a reference to it"
    )

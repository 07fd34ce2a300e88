"""Workflows that pause: which runs hear of it, whatever begins or dies meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from msgspec import Raw
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.client import PauseView
from flowworker.codec.pauses import Pausable
from flowworker.coordinator.driving.holding import Holding
from flowworker.core.admission import RunConcurrency
from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id, origin_of, run_id_of_sequence
from flowworker.core.model import Workflow
from flowworker.core.paused import Paused
from flowworker.core.payload import Inline
from flowworker.core.records import RunRecord
from flowworker.core.standing import PauseRecord
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput, NotFound, ResultTimeout
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World
from tests.coordinator.scheduling import BEGIN, act
from tests.coordinator.test_children import CHILD, PARENT
from tests.coordinator.test_pauses import BEGAN, ENDED, NAPS, WORK
from tests.support.mortal import Life

HELD = [("started", ""), BEGAN, ("held", ""), ENDED]
LOOK = Settings().sweep / 5
"""Seconds until any coordinator has looked what pauses."""


@pytest.fixture
async def world():
    async with World() as world:
        yield world


async def pause(world: World, workflow: Workflow = NAPS) -> None:
    await act(world, world.client.pause_workflow(workflow.name, "the bank is down", actor="ops"))
    await settle()


async def unpause(world: World, workflow: Workflow = NAPS) -> None:
    await act(world, world.client.unpause_workflow(workflow.name))
    await settle()


async def begin(world: World, workflow: Workflow, run: str) -> None:
    await world.client.register(workflow)
    await world.client.start(workflow.name, run_id=run)
    await settle()


async def types_of(world: World, run: str) -> list[str]:
    return [event["type"].removeprefix("workflow.") for event in await world.client.history(run)]


async def test_its_runs_hold_until_it_goes_on_and_others_do_not(world):
    await world.coordinator()
    await world.start(NAPS)
    await begin(world, WORK, "other")

    await pause(world)
    await world.pass_by(600.0)

    assert await world.history() == HELD
    view = await world.client.status(RUN)
    assert view.held == PauseView(BEGIN, "the bank is down", "ops")
    assert (view.paused, view.status) == (None, RunStatus.RUNNING)
    assert await world.client.paused_workflows() == {NAPS.name: view.held}
    assert world.level("workflow_paused", workflow=NAPS.name) == 1
    assert {run.id: run.paused for run in await world.client.list()} == {RUN: True, "other": False}

    await unpause(world)
    await world.pass_by(2.0)
    assert (await world.history())[len(HELD)] == ("released", "")
    view = await world.client.status(RUN)
    assert (view.status, view.held) == (RunStatus.COMPLETED, None)
    assert await world.client.paused_workflows() == {}
    assert world.level("workflow_paused", workflow=NAPS.name) is None


async def test_a_run_that_begins_meanwhile_begins_nothing(world):
    await world.coordinator()
    await world.client.register(NAPS)
    await pause(world)

    await world.start(NAPS)
    await world.pass_by(600.0)
    assert sorted(await types_of(world, RUN)) == ["held", "started"]

    await unpause(world)
    await world.pass_by(120.0)
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    history = await world.history()
    assert len(history) == len(set(history))


async def test_a_run_that_begins_later_hears_of_it_when_it_does(world):
    await world.coordinator()
    await world.client.register(NAPS)
    await world.client.start(NAPS.name, run_id=RUN, delay=60.0)
    await settle()
    await pause(world)
    assert "held" not in await types_of(world, RUN)

    await world.pass_by(61.0)
    assert sorted(set(await types_of(world, RUN)) - {"scheduled"}) == ["held", "started"]


async def test_a_run_that_waits_for_a_limit_is_held_when_that_lets_it_in(world):
    alone = replace(WORK, concurrency=(RunConcurrency(1),))
    await world.coordinator()
    await world.start(alone)
    await begin(world, alone, "later")
    await pause(world, alone)
    await world.pass_by(60.0)
    assert not {"held", "started"} & set(await types_of(world, "later"))

    await world.client.terminate(RUN)
    await world.pass_by(60.0)
    assert {"held", "started"} <= set(await types_of(world, "later"))
    assert await world.backend.steps.backlog() == {}


async def test_a_child_is_held_by_its_own_workflow(world):
    await world.coordinator()
    await world.client.register(CHILD)
    await pause(world, CHILD)

    await world.start(PARENT, {"n": 7})
    child = (await world.client.status(RUN)).steps[0].child
    await world.pass_by(600.0)
    assert sorted(await types_of(world, child)) == ["held", "started"]
    assert (await world.client.status(RUN)).held is None

    await unpause(world, CHILD)
    await world.pass_by(61.0)
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED


async def test_neither_a_run_nor_its_workflow_lets_go_on_what_the_other_holds(world):
    await world.coordinator()
    await world.start(NAPS)
    await world.client.pause(RUN)
    await pause(world)
    await world.pass_by(600.0)

    await unpause(world)
    await world.pass_by(600.0)
    view = await world.client.status(RUN)
    assert (view.held, view.paused is None, view.status) == (None, False, RunStatus.RUNNING)

    await pause(world)
    await world.client.unpause(RUN)
    await world.pass_by(600.0)
    view = await world.client.status(RUN)
    assert (view.paused, view.held is None, view.status) == (None, False, RunStatus.RUNNING)

    await unpause(world)
    await world.pass_by(2.0)
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED


async def test_what_waits_in_a_queue_is_taken_back_and_comes_again(world):
    await world.coordinator()
    await world.start(WORK)
    assert await world.backend.steps.backlog() == {RUN: ["a"]}

    await pause(world, WORK)
    assert await world.backend.steps.backlog() == {}

    await world.pass_by(1.0)
    await unpause(world, WORK)
    assert await world.backend.steps.backlog() == {RUN: ["a"]}


@pytest.mark.parametrize("changes", range(14))
async def test_whenever_its_coordinator_dies_it_holds_and_goes_on_once(changes):
    async with World() as world:
        first = await world.dying(Life(changes))
        await world.client.register(NAPS)
        await world.client.start(NAPS.name, run_id=RUN)
        await settle()
        await world.backend.commands.send(f"control.workflow.pause.{NAPS.name}", b"", {})
        await world.pass_by(30.0)
        await first.stop()
        await world.coordinator()
        await world.pass_by(180.0)
        assert ("step.started", "after") not in await world.history()

        await unpause(world)
        await world.pass_by(180.0)

        assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
        history = await world.history()
        assert len(history) == len(set(history))


async def test_who_takes_its_runs_over_holds_them_also_those_not_in_memory(world):
    first = await world.coordinator()
    await world.start(NAPS)
    await first.stop()
    await world.backend.commands.send(f"control.workflow.pause.{NAPS.name}", b"", {})

    await world.coordinator()
    await world.pass_by(LOOK)
    assert ("held", "") in await world.history()


async def test_a_coordinator_hears_of_it_that_did_not_follow_the_command(world):
    """The one that follows it looks at once; here it is one that drives no runs."""
    await world.coordinator()
    await world.start(NAPS)
    said = PauseRecord(at=BEGIN, last=f"7@{BEGIN:.6f}", paused=Paused("look first"), followed=True)
    await world.stores.pauses.save(Pausable.WORKFLOW, NAPS.name, said, 0)

    await world.pass_by(LOOK)

    assert ("held", "") in await world.history()


async def test_one_that_is_not_registered_is_refused(world):
    await world.coordinator()

    for acting in (world.client.pause_workflow("nasp"), world.client.unpause_workflow("nasp")):
        with pytest.raises(NotFound, match="no workflow 'nasp' is registered"):
            await act(world, acting)
    with pytest.raises(InvalidInput, match="a workflow must be tokens, joined by dots"):
        await world.client.pause_workflow("naps.")
    sequence = await world.backend.commands.send("control.workflow.stop.naps", b"", {})
    await settle()
    [event] = await world.backend.events.history(run_id_of_sequence(sequence))
    assert "expected control.workflow.<pause, unpause>.<workflow>" in event.data.decode()


async def test_without_a_coordinator_it_is_kept_until_there_is_one(world):
    await world.client.register(NAPS)
    with pytest.raises(ResultTimeout, match="no coordinator has followed pause of workflow 'naps'"):
        await act(world, world.client.pause_workflow("naps"))

    await world.coordinator()
    await world.pass_by(1.0)

    assert list(await world.client.paused_workflows()) == ["naps"]


async def test_runs_that_heard_are_left_alone(world):
    await world.coordinator()
    await world.start(NAPS)
    await pause(world)
    await world.pass_by(60.0)
    before, events = world.rebuilt, await world.history()

    await world.pass_by(600.0)

    assert world.rebuilt - before <= 1
    assert await world.history() == events


class Memory:
    """Runs, as a coordinator has them in memory."""

    def __init__(self, record):
        self.held = {record.run: SimpleNamespace(state=SimpleNamespace(record=record))}

    def get(self, run):
        return self.held.get(run)

    def records(self, _workflow):
        return [live.state.record for live in self.held.values()]

    def forget(self, live):
        del self.held[live.state.record.run]


@pytest.mark.parametrize("ended", [False, True])
async def test_who_has_missed_the_end_of_a_run_forgets_it_with_the_next_pause(backend, ended):
    stores = stores_of(backend)
    record = RunRecord(RUN, NAPS.name, "1", RunStatus.RUNNING, Inline(Raw(b"{}")), 1.0)
    if ended:
        end = event_id(RUN, EventType.FAILED)
        await backend.events.publish(RUN, EventType.FAILED, b"{}", end)
    said = PauseRecord(2.0, origin_of(7, 2.0), paused=Paused("the bank is down"))
    await stores.pauses.save(Pausable.WORKFLOW, NAPS.name, said, 0)
    memory = Memory(record)

    await Holding(stores, None, Metrics(CollectorRegistry())).look({0: memory})

    assert (memory.held == {}) is ended
    types = [event.type for event in await backend.events.history(RUN)]
    assert (EventType.HELD in types) is not ended

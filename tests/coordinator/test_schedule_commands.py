"""What operators do to schedules, and what becomes of it."""

from __future__ import annotations

import pytest

from flowworker.codec.keys import SCHEDULE_NEXT
from flowworker.core.model import Workflow
from flowworker.core.schedule import Schedule, run_of_time
from flowworker.core.status import RunStatus
from flowworker.errors import (
    DefinitionError,
    InvalidInput,
    NotFound,
    ResultTimeout,
    ScheduleIdTaken,
    WorkflowNotFound,
)
from tests.coordinator.resting import World
from tests.coordinator.scheduling import (
    FIRST,
    SHORT,
    act,
    created,
    seen,
    with_workflows,
)


@pytest.fixture
async def world():
    async with World() as world:
        yield await with_workflows(world)


async def test_a_paused_schedule_begins_nothing_until_it_is_unpaused(world):
    await world.coordinator()
    await created(world)
    view = await act(world, world.client.pause_schedule("s", "too much"))
    assert (view.state, view.paused) == ("PAUSED", "too much")
    await world.pass_by(180.0)
    assert await seen(world) == []

    view = await act(world, world.client.unpause_schedule("s"))

    assert (view.state, view.started) == ("ACTIVE", 0)
    await world.pass_by(60.0)
    assert [state for _, state in await seen(world)] == ["COMPLETED"]


async def test_a_run_is_begun_now_also_while_it_is_paused(world):
    await world.coordinator()
    await created(world, "long")
    await act(world, world.client.pause_schedule("s"))

    first = await act(world, world.client.trigger_schedule("s"))
    second = await act(world, world.client.trigger_schedule("s"))
    third = await act(world, world.client.trigger_schedule("s", overlap="allow_all"))

    assert [one.state.value for one in (first, second, third)] == ["RUNNING", "SKIPPED", "RUNNING"]
    assert second.reason == f"run {first.run} had not ended"
    assert (await world.client.status(first.run)).status is RunStatus.RUNNING


async def test_a_backfill_begins_the_times_one_after_the_other_each_once(world):
    await world.coordinator()
    await created(world)
    between = ("2001-01-01T00:00:00Z", "2001-01-01T00:02:00Z")

    runs = await act(world, world.client.backfill_schedule("s", *between))
    assert runs == [f"s-20010101T000{n}00Z" for n in range(3)]
    assert await act(world, world.client.backfill_schedule("s", *between)) == runs
    await world.pass_by(18.0)

    records = [(await world.stores.runs.load(run))[0] for run in runs]
    assert [one.status for one in records] == [RunStatus.COMPLETED] * 3
    assert records[0].finished_at <= records[1].created_at
    assert len(await world.client.list(RunStatus.COMPLETED)) == 3


async def test_a_reason_that_is_no_text_is_refused(world):
    await world.coordinator()
    await created(world)
    acts = (
        world.client.pause_schedule("s", "\udcff"),
        world.client.pause_workflow("short", "\udcff"),
        world.client.pause_queue("default", "\udcff"),
    )
    for act_ in acts:
        with pytest.raises(InvalidInput, match="the command cannot be written as JSON"):
            await act_


async def test_a_backfill_that_would_have_too_many_wait_is_refused(world):
    await world.coordinator()
    await created(world, "long")
    first = ("2001-01-01T00:00:00Z", "2001-01-01T16:39:00Z")
    second = ("2001-01-02T00:00:00Z", "2001-01-02T00:02:00Z")
    assert len(await act(world, world.client.backfill_schedule("s", *first))) == 1_000

    with pytest.raises(InvalidInput, match="999 times that wait, so 3 more are too many"):
        await act(world, world.client.backfill_schedule("s", *second))

    view = await world.client.schedule("s")
    assert (view.waiting, view.skipped) == (999, 0)


async def test_a_deleted_schedule_begins_nothing_and_its_runs_go_on(world):
    await world.coordinator()
    await created(world, "long")
    await world.pass_by(60.0)

    await act(world, world.client.delete_schedule("s"))
    await world.pass_by(120.0)

    assert await world.client.schedules() == []
    assert await world.backend.timers.runs(SCHEDULE_NEXT) == []
    [run] = await world.client.list()
    assert (run.id, run.status) == (run_of_time("s", FIRST), RunStatus.COMPLETED)


async def test_a_schedule_can_be_replaced_and_another_one_not(world):
    await world.coordinator()
    await created(world)
    with pytest.raises(ScheduleIdTaken, match="schedule 's' exists"):
        await world.client.create_schedule("s", "short", every=30)

    await act(world, world.client.create_schedule("s", "long", every=30, replace=True))

    [view] = await world.client.schedules()
    assert (view.workflow, view.cron, view.every) == ("long", "", 30.0)
    assert await world.client.schedules("short") == []


@pytest.mark.parametrize(
    ("acting", "error", "says"),
    [
        (
            lambda c: c.create_schedule("s", "none", every=60),
            WorkflowNotFound,
            "no workflow 'none'",
        ),
        (
            lambda c: c.create_schedule("s", "short", every=60, end_at="1999-01-01T00:00:00Z"),
            InvalidInput,
            "no time from now on",
        ),
        (
            lambda c: c.create_schedule("a.b", "short", every=60),
            DefinitionError,
            "100 letters, digits",
        ),
        (lambda c: c.schedule("s"), NotFound, "no schedule 's' exists"),
        (lambda c: c.pause_schedule("s"), NotFound, "no schedule 's' exists"),
        (lambda c: c.trigger_schedule("a b"), InvalidInput, "expected the id of a schedule"),
    ],
)
async def test_what_cannot_be_is_said_at_once(world, acting, error, says):
    with pytest.raises(error, match=says):
        await acting(world.client)


async def test_a_command_that_nobody_follows_is_kept(world):
    with pytest.raises(ResultTimeout, match="no coordinator has followed create"):
        await act(world, world.client.create_schedule("s", "short", every=60))

    await world.coordinator()
    await world.pass_by(1.0)

    assert (await world.client.schedule("s")).state == "ACTIVE"


async def rejection(world: World, subject: str, body: bytes = b"") -> str:
    """Why a command that anybody sends is not followed."""
    sequence = await world.backend.commands.send(f"control.schedule.{subject}", body, {})
    await world.pass_by(5.0)
    [event] = await world.client.history(f"seq-{sequence:012d}")
    assert event["type"] == "workflow.rejected"
    return str(event["data"]["reason"])


@pytest.mark.parametrize(
    ("subject", "body", "says"),
    [
        ("stop.s", b"", "expected control.schedule.<create, pause, unpause, trigger, backfill"),
        ("pause.a.b", b"", "expected control.schedule.<create, pause"),
        ("pause.s", b'{"why": 1}', "unknown field `why`"),
        ("pause.none", b"", "no schedule 'none' exists"),
        ("create.new", b"{}", "expected `workflow` and `schedule`"),
        ("create.new", b'{"workflow": "none", "schedule": {"every": 60}}', "no workflow 'none'"),
        ("create.new", b'{"workflow": "short", "schedule": {"every": 0}}', "greater than 0"),
        ("create.s", b'{"workflow": "short", "schedule": {"every": 60}}', "schedule 's' exists"),
        (
            "create.new",
            b'{"workflow": "short", "schedule": {"every": 60, "end_at": 500}}',
            "no time from now on",
        ),
        ("backfill.s", b"{}", "expected `from` and `to`"),
        ("backfill.s", b'{"from": "now", "to": 0}', "expected a moment with its time zone"),
        ("backfill.s", b'{"from": 0, "to": 1e9}', "more than 1,000 times"),
        ("register.none", b"", "no workflow 'none'"),
    ],
)
async def test_what_cannot_be_followed_is_rejected_with_the_reason(world, subject, body, says):
    await world.coordinator()
    await created(world)
    assert says in await rejection(world, subject, body)


async def test_a_schedule_of_a_definition_belongs_to_it(world):
    await world.coordinator()
    defined = Workflow("w", SHORT.steps, schedules=(Schedule("s", every=60.0),))
    await world.client.register(defined)
    await world.pass_by(1.0)

    other = Workflow("v", SHORT.steps, schedules=defined.schedules)
    with pytest.raises(DefinitionError, match="schedule 's' is one of workflow 'w'; choose an"):
        await world.client.register(other)
    twins = [Workflow(one, SHORT.steps, schedules=(Schedule("t", every=60.0),)) for one in "xy"]
    with pytest.raises(DefinitionError, match="schedule 't' is one of workflow 'x'; choose an"):
        await world.client.register_all(twins)
    body = b'{"workflow": "short", "schedule": {"every": 60}, "replace": true}'
    assert "created by the definition of 'w'" in await rejection(world, "create.s", body)
    # Who registers without looking hears it from the coordinator
    await world.stores.definitions.register(other)
    assert "created by the definition of 'w'" in await rejection(world, "register.v")


async def test_one_that_was_created_by_hand_is_no_definitions(world):
    await world.coordinator()
    await created(world)
    wanted = Workflow("w", SHORT.steps, schedules=(Schedule("s", every=60.0),))
    with pytest.raises(DefinitionError, match="one of workflow 'short', and was created by hand"):
        await world.client.register(wanted)


async def test_a_definition_changes_its_schedules_and_leaves_them_paused(world):
    await world.coordinator()
    for every in (60.0, 60.0, 30.0):
        defined = Workflow("w", SHORT.steps, schedules=(Schedule("s", every=every),))
        await world.client.register(defined)
        await world.pass_by(1.0)
        if not (await world.client.schedule("s")).paused:
            await act(world, world.client.pause_schedule("s", "holidays"))

    view = await world.client.schedule("s")
    assert (view.every, view.paused, view.defined) == (30.0, "holidays", True)


async def test_a_command_that_comes_again_is_followed_once(world):
    await world.coordinator()
    await created(world)
    body = b'{"at": 1000000000.5}'
    for _ in range(3):
        await world.backend.commands.send("control.schedule.trigger.s", body, {})
    await world.pass_by(10.0)

    assert len(await world.client.list()) == 1

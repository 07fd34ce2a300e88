"""Steps whose attempts are runs: a child's end is the step's."""

from __future__ import annotations

import pytest

from flowworker.core.model import End, EndStatus, RetryPolicy, Step, Workflow
from flowworker.core.status import RunStatus, StepStatus
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World

NAP = Step("nap", sleep=60.0)
DONE = Step("done", end=End(output={"total": "${input.n}"}), depends_on=("nap",))
CHILD = Workflow("child", (NAP, DONE))
CALL = Step("call", workflow="child", with_={"n": "${input.n}"})
PARENT = Workflow("parent", (CALL,))
GROUP = Workflow(
    "parent", (Step("call", steps=(NAP, DONE), with_={"n": "${input.n}"}, output={"a": 1}),)
)


async def begin(world, parent=PARENT, child=CHILD):
    await world.coordinator()
    await world.client.register(child)
    await world.start(parent, {"n": 7})


async def step_of(world, step="call"):
    view = await world.client.status(RUN)
    return next(one for one in view.steps if one.id == step)


async def child_of(world, step="call"):
    view = await step_of(world, step)
    return await world.client.status(view.child)


async def output_of(world, run=RUN):
    return (await world.client.result(run)).output


@pytest.mark.parametrize("parent", [PARENT, GROUP], ids=["workflow", "group"])
async def test_what_a_child_results_in_is_what_its_step_puts_out(world, parent):
    await begin(world, parent)
    assert (await step_of(world)).status is StepStatus.RUNNING
    assert (await child_of(world)).status is RunStatus.RUNNING

    await world.pass_by(60.0)

    assert (await child_of(world)).status is RunStatus.COMPLETED
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await output_of(world) == {"call": {"total": 7}}


async def test_a_childs_failure_is_its_steps(world):
    broken = Step("broken", end=End(EndStatus.FAILED, "nothing left"))
    await begin(world, child=Workflow("child", (broken,)))

    view = await world.client.status(RUN)

    assert view.status is RunStatus.FAILED
    assert (await step_of(world)).status is StepStatus.FAILED
    assert "ChildFailed" in view.error
    assert "nothing left" in view.error


async def test_a_cancel_goes_down_and_the_parent_waits_for_the_childs_end(world):
    await begin(world, child=Workflow("child", (NAP,)))

    await world.client.cancel(RUN)
    await settle()

    assert (await child_of(world)).status is RunStatus.CANCELLED
    view = await world.client.status(RUN)
    assert (view.status, view.steps[0].status) == (RunStatus.CANCELLED, StepStatus.CANCELLED)


async def test_a_terminate_goes_down(world):
    await begin(world, child=Workflow("child", (NAP,)))

    await world.client.terminate(RUN)
    await settle()

    child = await child_of(world)
    events = await world.client.history(child.id)
    assert child.status is RunStatus.CANCELLED
    assert [
        event["data"].get("terminate") for event in events if "cancel_req" in event["type"]
    ] == [True]
    assert (await world.client.status(RUN)).status is RunStatus.CANCELLED


async def test_a_child_that_was_cancelled_by_hand_fails_its_step(world):
    again = Step("call", workflow="child", retry=RetryPolicy(3))
    await begin(world, Workflow("parent", (again,)), Workflow("child", (NAP,)))

    await world.client.cancel((await step_of(world)).child, reason="not needed")
    await settle()

    view = await world.client.status(RUN)
    assert view.status is RunStatus.FAILED
    assert "ChildCancelled" in view.error
    assert "not needed" in view.error
    assert view.steps[0].attempt == 1


async def test_the_timeout_of_a_step_cancels_its_child(world):
    slow = Step("call", workflow="child", timeout=30.0)
    await begin(world, Workflow("parent", (slow,)), Workflow("child", (NAP,)))

    await world.pass_by(31.0)

    assert (await child_of(world)).status is RunStatus.CANCELLED
    assert "Timeout: the run took longer than 30 s" in (await world.client.status(RUN)).error


async def test_an_alarm_is_not_done_with_before_the_child_is_seen(world, monkeypatch):
    # Given a coordinator that is not shown the child when the step's time is over
    slow = Step("call", workflow="child", timeout=30.0)
    await begin(world, Workflow("parent", (slow,)), Workflow("child", (NAP,)))
    child, load, hidden = (await step_of(world)).child, world.stores.runs.load, []

    async def load_past(run):
        if run != child:
            return await load(run)
        monkeypatch.undo()
        hidden.append(run)
        return None

    monkeypatch.setattr(world.stores.runs, "load", load_past)
    await world.pass_by(30.0)
    assert hidden == [child]

    # When the alarm comes again, before anybody looks after the run
    await world.pass_by(3.0)

    # Then the child is stopped
    assert (await child_of(world)).status is RunStatus.CANCELLED
    assert "Timeout" in (await world.client.status(RUN)).error


async def test_the_timeout_of_the_parent_cancels_the_child(world):
    parent = Workflow("parent", (Step("call", workflow="child"),), timeout=30.0)
    await begin(world, parent, Workflow("child", (NAP,)))

    await world.pass_by(31.0)

    assert (await child_of(world)).status is RunStatus.CANCELLED
    view = await world.client.status(RUN)
    assert (view.status, view.steps[0].status) == (RunStatus.FAILED, StepStatus.CANCELLED)


async def test_the_timeout_of_the_child_is_the_steps(world):
    await begin(world, child=Workflow("child", (NAP,), timeout=30.0))

    await world.pass_by(31.0)

    assert (await child_of(world)).status is RunStatus.FAILED
    assert "Timeout: run sub-call-" in (await world.client.status(RUN)).error


async def test_a_retry_waits_for_its_interval(world):
    broken = Step("broken", end=End(EndStatus.FAILED, "no"))
    again = Step("call", workflow="child", retry=RetryPolicy(2, interval=600.0))
    await begin(world, Workflow("parent", (again,)), Workflow("child", (broken,)))

    assert (await child_of(world)).status is RunStatus.PENDING
    await world.pass_by(599.0)
    assert (await world.client.status(RUN)).status is RunStatus.RUNNING
    await world.pass_by(2.0)

    assert (await world.client.status(RUN)).status is RunStatus.FAILED
    assert (await child_of(world)).status is RunStatus.FAILED


async def test_what_a_child_puts_out_may_be_too_large():
    async with World(payload_limit=4096) as small:
        many = Step("done", end=End(output={"all": "${[input.n, input.n]}"}))
        await small.coordinator()
        await small.client.register(Workflow("child", (many,)))
        await small.start(PARENT, {"n": "x" * 2100})

        assert "PayloadTooLarge" in (await small.client.status(RUN)).error


async def test_a_workflow_that_is_gone_fails_the_step(world):
    await world.coordinator()
    await world.client.register(CHILD)
    await world.client.register(PARENT)
    await world.backend.definitions.purge("latest.child")

    await world.client.start("parent", {"n": 7}, run_id=RUN)
    await settle()

    assert "WorkflowNotFound: no workflow 'child'" in (await world.client.status(RUN)).error


async def test_a_circle_that_was_made_later_ends_at_a_depth(world):
    call = Workflow("child", (Step("call", workflow="other"),))
    await world.coordinator()
    await world.client.register(Workflow("other", (NAP,)))
    await world.client.register(call)
    plan = await world.stores.definitions.latest("child")
    await world.backend.definitions.put("latest.other", plan.hash.encode())

    await world.start(Workflow("parent", (Step("call", workflow="child"),)))
    await settle()

    error = (await world.client.status(RUN)).error
    assert "ChildLimit" in error
    assert error.count("run sub-") == 1
    records = await world.backend.runs.keys("run.*")
    assert len(records) == 17


async def test_the_removal_of_a_child_does_not_come_before_its_parent_knows(world):
    await begin(world, child=Workflow("child", (NAP,), retention=0.0))
    child = (await step_of(world)).child

    await world.pass_by(60.0)
    await world.pass_by(3600.0)

    assert not await world.stores.runs.is_known(child)
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await output_of(world) == {"call": {"nap": {}}}


async def test_a_run_is_seen_with_those_that_its_steps_are(world):
    inner = Workflow("inner", (NAP,))
    child = Workflow("child", (Step("deep", workflow="inner"),))
    await world.coordinator()
    await world.client.register(inner)
    await begin(world, child=child)

    view = await world.client.status(RUN, children=True)
    [below] = view.children
    [deepest] = below.children

    assert (below.parent, deepest.workflow, deepest.children) == (RUN, "inner", ())
    assert (await world.client.status(RUN)).children == ()
    assert len(await world.client.list()) == 3
    assert [run.id for run in await world.client.list(children=False)] == [RUN]

    await world.stores.backend.runs.purge(f"run.{deepest.id}")
    view = await world.client.status(RUN, children=True)
    assert [each.children for each in view.children] == [()]

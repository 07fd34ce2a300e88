"""Steps whose attempts are runs: a child's end is the step's."""

from __future__ import annotations

import pytest

from flowworker.core.model import End, EndStatus, Step, Workflow
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


@pytest.fixture
async def world():
    async with World() as world:
        yield world


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

"""Steps that are runs in loops, repeated, and rerun."""

from __future__ import annotations

from flowworker.core.for_each import ForEach
from flowworker.core.model import End, EndStatus, Step, Workflow
from flowworker.core.repetition import Repeat
from flowworker.core.status import RunStatus
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN

NAP = Step("nap", sleep=60.0)


async def test_the_children_of_a_loop_that_fails_are_cancelled(world):
    broken = Step("broken", end=End(EndStatus.FAILED, "no"), when="input.n == 1")
    inner = (Step("nap", sleep=60.0, when="input.n != 1"), broken)
    call = Step("call", for_each=ForEach("input.items"), steps=inner, with_={"n": "${item}"})
    await world.coordinator()
    await world.start(Workflow("w", (call,)), {"items": [0, 1, 2]})
    for _ in range(5):
        await world.pass_by(1.0)

    assert "TooManyFailures" in (await world.client.status(RUN)).error
    ends = [run.status for run in await world.client.list(workflow="w.call")]
    assert sorted(ends) == [RunStatus.CANCELLED, RunStatus.CANCELLED, RunStatus.FAILED]
    kinds = [kind for kind, _ in await world.history()]
    assert kinds.count("step.cancelled") == 2
    assert kinds.count("step.attempt_failed") == 2  # of the instance, and of the loop


async def test_a_rerun_keeps_completed_children_and_makes_new_ones_of_others(world):
    fine = Step("fine", steps=(Step("nap", sleep=1.0),))
    broken = Step("broken", end=End(EndStatus.FAILED, "no"))
    bad = Step("bad", steps=(broken,), depends_on=("fine",))
    await world.coordinator()
    await world.start(Workflow("w", (fine, bad)))
    await world.pass_by(1.0)
    before = await world.client.status(RUN)
    assert before.status is RunStatus.FAILED

    await world.client.rerun(RUN, failed=True, new_id="again")
    await settle()

    after = await world.client.status("again")
    assert [step.kept_from for step in after.steps] == [RUN, ""]
    assert after.steps[1].child not in {"", before.steps[1].child}
    assert after.status is RunStatus.FAILED


async def test_each_iteration_of_a_step_that_is_repeated_is_another_run(world):
    again = Repeat("iterations >= 3", interval=10.0)
    await world.coordinator()
    await world.start(Workflow("w", (Step("call", steps=(NAP,), repeat=again),)))
    for _ in range(25):
        await world.pass_by(10.0)

    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert len(await world.client.list(workflow="w.call")) == 3
    kinds = [kind for kind, _ in await world.history()]
    assert (kinds.count("step.started"), kinds.count("step.completed")) == (3, 1)

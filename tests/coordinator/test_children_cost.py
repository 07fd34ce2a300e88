"""What a step that is a run costs, in changes on the server."""

from __future__ import annotations

from flowworker.core.model import End, Step, Workflow
from tests.coordinator.resting import World
from tests.support.mortal import Life

DONE = Step("done", end=End())
RUN, END_STEP, CHILD_STEP = 8, 2, 6
ENOUGH = 10_000


async def changes(workflow: Workflow) -> int:
    async with World() as world:
        life = Life(ENOUGH)
        coordinator = await world.dying(life)
        await world.start(workflow)
        await world.pass_by(1.0)
        await coordinator.stop()
        return ENOUGH - life.left


async def test_a_child_costs_a_run_and_its_step():
    assert await changes(Workflow("w", (DONE,))) == RUN + END_STEP
    group = Step("group", steps=(DONE,))
    assert await changes(Workflow("w", (group,))) == RUN + CHILD_STEP + RUN + END_STEP

"""Steps that wait for the signal `paid`, and looks at what became of them."""

from __future__ import annotations

import json
from typing import Any

from flowworker.client.steps import StepView
from flowworker.core.model import Step, WaitFor
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World


def waits(
    step: str,
    match: str | None = None,
    timeout: float | str | None = None,
    after: tuple[str, ...] = (),
) -> Step:
    return Step(step, depends_on=after, wait_for=WaitFor("paid", match, timeout))


async def step_of(world: World, step: str) -> StepView:
    view = await world.client.status(RUN)
    return next(one for one in view.steps if one.id == step)


async def outputs(world: World) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in await world.client.history(RUN):
        if event["type"] == "workflow.step.completed":
            found[event["data"]["step_id"]] = event["data"]["output"]["data"]
    return found


async def rejections(world: World) -> list[str]:
    return [
        event["data"]["reason"]
        for event in await world.client.history(RUN)
        if event["type"] == "workflow.rejected"
    ]


async def send(world: World, value: Any, name: str = "paid", **headers: str) -> None:
    body = json.dumps(value).encode()
    await world.backend.commands.send(f"signal.{RUN}.{name}", body, headers)
    await settle()

"""Schedules in a world on a clock that tests move, and what is seen of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from flowworker.codec.schedule_events import history_of
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, Workflow
from tests.coordinator.resting import World

BEGIN = 1_000_000_000.0
"""Twenty seconds before a full minute."""
FIRST = BEGIN + 20.0
SHORT = Workflow("short", (Step("nap", sleep=5.0),))
LONG = Workflow("long", (Step("nap", sleep=150.0),))
FAILING = Workflow("failing", (Step("end", sleep="${input.seconds}"),))


async def with_workflows(world: World) -> World:
    """Workflows of which runs begin."""
    for workflow in (SHORT, LONG, FAILING):
        await world.client.register(workflow)
    return world


async def act(world: World, acting: Any) -> Any:
    """What a client comes back with, which looks now and then whether it was followed."""
    task = asyncio.create_task(acting)
    while not task.done():
        await world.pass_by(0.1)
    return await task


async def created(world: World, workflow: str = "short", **said: Any) -> None:
    await act(world, world.client.create_schedule("s", workflow, cron="* * * * *", **said))


def minutes(found: Any) -> list[float]:
    return [(one.time - FIRST) / 60.0 for one in found]


async def seen(world: World) -> list[tuple[float, str]]:
    view = await world.client.schedule("s")
    found = [*reversed(view.recent), *view.running]
    return [(minute, one.state.value) for minute, one in zip(minutes(found), found, strict=True)]


async def events(world: World) -> list[dict[str, Any]]:
    """The events of the schedule, oldest first; each has an id of its own."""
    history = await world.backend.events.history(history_of("s"))
    events = [json.loads(stored.data) for stored in history]
    assert all(stored.sender == COORDINATOR for stored in history)
    assert len({event["id"] for event in events}) == len(events)
    return events

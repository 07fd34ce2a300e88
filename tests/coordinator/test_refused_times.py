"""Times at which no run can begin, from headers and from clients."""

from __future__ import annotations

from datetime import datetime

import pytest

from flowworker.core.model import Step, Workflow
from flowworker.errors import InvalidInput
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World

FLOW = Workflow("w", (Step("nap", sleep=1.0),), timeout=5.0)


@pytest.fixture
async def world():
    async with World() as world:
        await world.client.register(FLOW)
        yield world


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"Flow-Delay": "soon"}, "Flow-Delay: expected a duration"),
        ({"Flow-Start-At": "tomorrow"}, "Flow-Start-At: expected a moment"),
        (
            {"Flow-Delay": "1m", "Flow-Start-At": "2030-01-31T08:00:00Z"},
            "both Flow-Start-At and Flow-Delay: expected one of them",
        ),
    ],
)
async def test_a_time_that_is_none_is_rejected(world, headers, problem):
    await world.coordinator()

    await world.backend.commands.send("start.w", b"{}", {"Nats-Msg-Id": RUN, **headers})
    await settle()

    [event] = await world.client.history(RUN)
    assert event["type"] == "workflow.rejected"
    assert event["data"]["reason"].startswith(problem)


@pytest.mark.parametrize(
    "when",
    [
        {"delay": "soon"},
        {"at": "2030-01-31"},
        {"at": datetime(2030, 1, 31)},  # noqa: DTZ001
        {"at": "2030-01-31T08:00:00Z", "delay": 1.0},
    ],
)
async def test_a_client_refuses_a_time_that_is_none(world, when):
    with pytest.raises(InvalidInput):
        await world.client.start("w", run_id=RUN, **when)

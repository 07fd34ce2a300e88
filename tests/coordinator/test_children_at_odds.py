"""A coordinator dies between any two writes of a child's way: the next one goes on to the same end.

Each scenario is played with a coordinator that dies after one write, after two, and so on, until it
lives to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from flowworker.codec.json import decode_run
from flowworker.core.model import End, EndStatus, RetryPolicy, Step, Workflow
from flowworker.core.status import ACTIVE, RunStatus
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World
from tests.support.mortal import Life

NAP, LONG = Step("nap", sleep=60.0), Step("nap", sleep=7200.0)
BROKEN = Step("broken", end=End(EndStatus.FAILED, "nothing left"), depends_on=("nap",))
TWICE = RetryPolicy(2, interval=20.0)


class Scenario(NamedTuple):
    parent: Workflow
    cancelled: bool
    ends: RunStatus
    children: dict[RunStatus, int]


SCENARIOS = {
    "completes": Scenario(
        Workflow("w", (Step("call", steps=(NAP,)), Step("rest", sleep=1.0, depends_on=("call",)))),
        cancelled=False,
        ends=RunStatus.COMPLETED,
        children={RunStatus.COMPLETED: 1},
    ),
    "fails and is tried again": Scenario(
        Workflow("w", (Step("call", steps=(NAP, BROKEN), retry=TWICE),)),
        cancelled=False,
        ends=RunStatus.FAILED,
        children={RunStatus.FAILED: 2},
    ),
    "is cancelled": Scenario(
        Workflow("w", (Step("call", steps=(LONG,)),)),
        cancelled=True,
        ends=RunStatus.CANCELLED,
        children={RunStatus.CANCELLED: 1},
    ),
    "takes too long": Scenario(
        Workflow("w", (Step("call", steps=(LONG,), timeout=30.0),)),
        cancelled=False,
        ends=RunStatus.FAILED,
        children={RunStatus.CANCELLED: 1},
    ),
}


async def play(scenario: Scenario, writes: int) -> bool:
    """Whether the first coordinator lived to the end."""
    async with World() as world:
        life = Life(writes)
        first = await world.dying(life)
        await world.start(scenario.parent)
        if scenario.cancelled:
            await world.backend.commands.send(f"control.cancel.{RUN}", b"{}", {})
            await settle()
        await pass_by(world, 20, lambda: life.ended)
        await first.stop()
        await world.coordinator()
        await pass_by(world, 200, lambda: False)
        await check(world, scenario)
        return not life.ended


async def pass_by(world: World, times: int, enough: Callable[[], bool]) -> None:
    """Let time pass until no run is left that goes on."""
    for _ in range(times):
        await world.pass_by(10.0)
        unfinished = [await world.stores.runs.list(status) for status in ACTIVE]
        if enough() or not any(unfinished):
            return


async def check(world: World, scenario: Scenario) -> None:
    keys = await world.backend.runs.keys("run.*")
    stored = [(key, await world.backend.runs.read(key)) for key in keys]
    found = [decode_run(key, entry[0]) for key, entry in stored if entry is not None]
    parent = next(record for record in found if record.run == RUN)
    children = [record for record in found if record.run != RUN]
    ends = [child.status for child in children]

    assert parent.status is scenario.ends
    if children or not scenario.cancelled:  # else it was cancelled before there was one
        assert {status: ends.count(status) for status in ends} == scenario.children
    assert all(child.parent is not None and child.parent.run == RUN for child in children)
    assert all(child.finished_at <= parent.finished_at for child in children)
    history = await world.history()
    assert [kind for kind, _ in history].index(scenario.ends.lower()) == len(history) - 1


@pytest.mark.parametrize("name", SCENARIOS)
async def test_whatever_write_is_the_last(name):
    writes = 0
    while not await play(SCENARIOS[name], writes):
        writes += 1

    assert writes > 10

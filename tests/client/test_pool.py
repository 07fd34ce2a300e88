"""How many runs are worked on at a time, and how many in a second."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from flowworker.client.pool import AT_A_TIME, Pace, each_once, for_each
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.support.waiting import eventually


class Doing:
    """Begins what it is asked for, and ends it when it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended = 0
        self.let = asyncio.Event()

    async def __call__(self, run):
        self.begun.append(run)
        try:
            await self.let.wait()
        finally:
            self.ended += 1
        if run == "bad":
            raise ValueError(run)
        return run


RUNS = [f"r{number}" for number in range(3 * AT_A_TIME)]


async def test_some_are_worked_on_at_a_time_and_all_in_the_end():
    doing, found = Doing(), []

    async def collect():
        async for one in for_each(each_once([*RUNS, "r0"]), doing):
            found.append(one)  # noqa: PERF401 - one after the other

    task = asyncio.create_task(collect())
    await settle()
    assert len(doing.begun) == AT_A_TIME
    assert found == []
    doing.let.set()
    await task

    assert sorted(found) == sorted(RUNS)


async def test_who_wants_no_more_leaves_nothing_behind():
    doing = Doing()

    async def one_after_the_other():
        yield "first"
        doing.let.set()
        await eventually(lambda: doing.ended)
        doing.let.clear()
        yield "second"

    async with aclosing(for_each(one_after_the_other(), doing)) as done:
        assert await anext(done) == "first"
        await eventually(lambda: len(doing.begun) == 2)
        assert doing.ended == 1

    assert doing.ended == 2


@pytest.mark.parametrize("where", ["acting", "finding"])
async def test_what_is_raised_ends_it(where):
    doing = Doing()

    async def runs():
        yield "good"
        if where == "finding":
            raise ValueError("bad")
        yield "bad"

    doing.let.set()
    with pytest.raises(ValueError, match="bad"):
        async for _ in for_each(runs(), doing):
            pass

    assert doing.ended == len(doing.begun)


async def test_turns_are_given_out_at_a_rate():
    clock = ManualClock()
    pace, turns = Pace(clock, 2.0), []

    async def take():
        await pace.turn()
        turns.append(clock.monotonic())

    tasks = [asyncio.create_task(take()) for _ in range(3)]
    await clock.advance(10.0)
    assert turns == [0.0, 0.5, 1.0]
    # What was not taken is not saved up
    tasks += [asyncio.create_task(take()) for _ in range(2)]
    await clock.advance(10.0)
    assert turns[3:] == [10.0, 10.5]
    await asyncio.gather(*tasks)


async def test_without_a_rate_nobody_waits():
    clock = ManualClock()
    pace = Pace(clock, None)

    for _ in range(100):
        await pace.turn()

    assert clock.monotonic() == 0.0

"""The clock that tests move."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.support.waiting import quiet_for


@pytest.fixture
def clock():
    return ManualClock(epoch=1_000.0)


class Sleepers:
    """Tasks that sleep and then say when they woke."""

    def __init__(self, clock):
        self.clock = clock
        self.woken = []
        self.tasks = []

    def add(self, name, *naps):
        async def run():
            for nap in naps:
                await self.clock.sleep(nap)
                self.woken.append((name, self.clock.monotonic()))

        self.tasks.append(asyncio.create_task(run()))
        return self.tasks[-1]


@pytest.fixture
def sleepers(clock):
    return Sleepers(clock)


async def test_it_stands_still_by_itself(clock):
    await quiet_for(0.01)

    assert (clock.now(), clock.monotonic()) == (1_000.0, 0.0)


async def test_advancing_moves_both_clocks(clock):
    await clock.advance(2.5)
    await clock.advance(1)

    assert (clock.now(), clock.monotonic()) == (1_003.5, 3.5)


async def test_sleepers_wake_in_the_order_of_their_moments(clock, sleepers):
    sleepers.add("late", 3)
    sleepers.add("first", 1)
    sleepers.add("never", 4.5)
    sleepers.add("second", 1)

    await clock.advance(4)

    assert sleepers.woken == [("first", 1), ("second", 1), ("late", 3)]
    await clock.advance(0.5)
    assert sleepers.woken[-1] == ("never", 4.5)


async def test_one_who_sleeps_again_is_woken_again_at_the_right_moments(clock, sleepers):
    sleepers.add("naps", 1, 1, 1)
    sleepers.add("between", 1.5)

    await clock.advance(2)

    assert sleepers.woken == [("naps", 1), ("between", 1.5), ("naps", 2)]
    await clock.advance(1)


async def test_what_a_sleeper_starts_is_done_before_time_goes_on(clock, sleepers):
    # Given a sleeper whose work takes many turns of the loop
    seen = []

    async def work():
        await clock.sleep(1)
        for _ in range(500):
            await asyncio.sleep(0)
        seen.append(clock.monotonic())

    task = asyncio.create_task(work())
    sleepers.add("next", 1.001)

    # When the clock goes on, then it waits for that
    await clock.advance(10)
    assert seen == [1]
    await task


async def test_a_cancelled_sleeper_is_forgotten(clock, sleepers):
    task = sleepers.add("cancelled", 1)
    sleepers.add("other", 1)
    await settle()

    task.cancel()
    await clock.advance(2)

    assert sleepers.woken == [("other", 1)]
    assert task.cancelled()


@pytest.mark.parametrize("seconds", [0, -1])
async def test_no_sleep_at_all_yields_to_the_loop(clock, seconds):
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)

    await clock.sleep(seconds)

    assert turns == [1]


async def test_the_wall_clock_can_jump_alone(clock):
    clock.jump(-100)

    assert (clock.now(), clock.monotonic()) == (900.0, 0.0)


async def test_something_that_spins_is_found_out(monkeypatch):
    monkeypatch.setattr("flowworker.testing.clock.MAX_TURNS", 50)

    async def spin():
        while True:  # noqa: ASYNC110 - as nobody should
            await asyncio.sleep(0)

    task = asyncio.create_task(spin())
    with pytest.raises(RuntimeError, match="not quiet after 50 turns"):
        await settle()
    task.cancel()


def test_a_loop_that_hides_what_is_ready_gets_many_turns(clock):
    # Given a loop that does not say what is ready to run on it
    uvloop = pytest.importorskip("uvloop")
    sleepers = Sleepers(clock)

    async def main():
        sleepers.add("naps", 1, 1)
        await clock.advance(3)
        await asyncio.gather(*sleepers.tasks)

    # When the clock goes on, then sleepers wake all the same
    uvloop.run(main())
    assert sleepers.woken == [("naps", 1), ("naps", 2)]

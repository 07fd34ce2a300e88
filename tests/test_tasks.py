"""Tasks of an owner: they leave it when they end, end with it, and their errors are not lost."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.tasks import TaskSet, all_over, cancel_all, wait_for
from flowworker.testing import ManualClock


class Defect(Exception):
    """What a task raises that handles it nowhere."""


@pytest.fixture
async def reported():
    """What went to the event loop's exception handler."""
    found = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: found.append(context["exception"])
    )
    return found


async def fail():
    raise Defect


async def fail_at_the_end():
    try:
        await asyncio.Event().wait()
    finally:
        raise Defect


class Stubborn:
    """Loses its first cancellation, as `asyncio.wait_for` may before Python 3.12."""

    def __init__(self):
        self.cancelled = 0

    async def work(self):
        while self.cancelled < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1


async def test_a_task_leaves_the_set_when_it_ends():
    owned, go = TaskSet(), asyncio.Event()

    task = owned.spawn(go.wait(), name="waits")
    assert (list(owned), len(owned), task.get_name()) == ([task], 1, "waits")
    go.set()

    assert await task is True
    assert len(owned) == 0


async def test_wait_ends_when_none_is_left_of_those_either_that_were_spawned_meanwhile():
    owned, ended = TaskSet(), []

    async def last():
        ended.append("last")

    async def first():
        await asyncio.sleep(0)
        owned.spawn(last())

    owned.spawn(first())

    assert await owned.wait() is True
    assert ended == ["last"]


async def test_wait_of_an_empty_set_is_over_at_once():
    assert await TaskSet().wait() is True
    assert await TaskSet().wait(1.0, ManualClock()) is True


async def test_wait_ends_when_its_time_is_over_and_cancels_nothing():
    owned, clock, go = TaskSet(), ManualClock(), asyncio.Event()
    task = owned.spawn(go.wait())
    waiting = asyncio.create_task(owned.wait(2.0, clock))

    await clock.advance(1.9)
    assert not waiting.done()
    await clock.advance(0.2)

    assert waiting.result() is False
    assert not task.done()
    go.set()
    assert await owned.wait(2.0, clock) is True


async def test_to_cancel_who_waits_cancels_nothing_else():
    owned, go = TaskSet(), asyncio.Event()
    task = owned.spawn(go.wait())
    waiting = asyncio.create_task(owned.wait())
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])

    assert not task.done()
    go.set()
    assert await owned.wait() is True


async def test_cancel_does_not_wait():
    owned = TaskSet()
    task = owned.spawn(asyncio.Event().wait())
    await asyncio.sleep(0)

    owned.cancel()

    assert not task.done()
    await owned.wait()
    assert task.cancelled()


async def test_close_ends_all_and_those_that_they_spawn_on_their_way_out():
    owned, forever = TaskSet(), asyncio.Event()

    async def spawns_at_the_end():
        try:
            await forever.wait()
        finally:
            owned.spawn(forever.wait())

    found = [owned.spawn(spawns_at_the_end()), owned.spawn(forever.wait())]
    await asyncio.sleep(0)

    await owned.close()

    assert len(owned) == 0
    assert all(task.cancelled() for task in found)


async def test_close_of_tasks_that_have_just_ended_is_over():
    owned = TaskSet()
    task = owned.spawn(asyncio.sleep(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert task.done()
    assert len(owned) == 1

    await owned.close()

    assert len(owned) == 0


async def test_who_loses_a_cancellation_is_cancelled_again():
    stubborn = Stubborn()
    task = asyncio.create_task(stubborn.work())
    await asyncio.sleep(0)

    await cancel_all([task], again=0.01)

    assert task.done()
    assert stubborn.cancelled == 2


async def test_an_error_goes_to_the_exception_handler(reported):
    owned = TaskSet()

    owned.spawn(fail())
    await owned.wait()

    assert [type(error) for error in reported] == [Defect]


async def test_an_error_on_the_way_out_goes_to_the_exception_handler(reported):
    owned = TaskSet()
    owned.spawn(fail_at_the_end())
    await asyncio.sleep(0)

    await owned.close()

    assert [type(error) for error in reported] == [Defect]


async def test_an_event_that_is_set_is_not_waited_for():
    event = asyncio.Event()
    event.set()

    assert await wait_for(event, 1.0, ManualClock()) is True


async def test_an_event_that_comes_in_time_ends_the_wait():
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_for(event, 1.0, ManualClock()))
    await asyncio.sleep(0)

    event.set()

    assert await waiting is True


async def test_a_wait_ends_when_its_time_is_over():
    clock = ManualClock()
    waiting = asyncio.create_task(wait_for(asyncio.Event(), 2.0, clock))

    await clock.advance(1.9)
    assert not waiting.done()
    await clock.advance(0.2)

    assert waiting.result() is False


async def test_a_wait_on_the_machines_clock_ends():
    assert await wait_for(asyncio.Event(), 0.001) is False


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_together_with_the_event_is_not_lost(turns):
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_for(event, 1.0, ManualClock()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    accepted = waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled() is accepted


async def test_a_wait_leaves_no_task_behind():
    before = asyncio.all_tasks()
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_for(event, 1.0, ManualClock()))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before


async def test_what_was_begun_beside_a_failure_is_over_when_that_is_raised():
    done = []

    async def work():
        await asyncio.sleep(0)
        done.append("beside")

    with pytest.raises(Defect):
        await all_over([fail(), work()])

    assert done == ["beside"]

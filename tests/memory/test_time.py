"""The in-memory backend by a clock that tests move: what takes minutes or months outside."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from flowworker.codec.messages import MSG_ID
from flowworker.core.status import Priority
from flowworker.errors import Unavailable
from flowworker.memory import memory_backend
from flowworker.ports import Delivery, StepAddress
from flowworker.settings import Settings
from flowworker.testing import ManualClock
from tests.support.histories import bodies

DAY = 24 * 3600.0
ADDRESS = StepAddress("default", Priority.NORMAL, "run-1", "charge")


@pytest.fixture
def clock():
    return ManualClock()


@pytest_asyncio.fixture
async def backend(clock):
    opened = memory_backend(settings=Settings(lease=30.0, short_delay=20.0), clock=clock)
    yield opened
    await opened.close()


async def steps(backend, credit=100):
    got: list[Delivery] = []
    consumer = await backend.steps.consume("default", Priority.NORMAL, got.append)
    consumer.grant(credit)
    return got


async def test_an_id_is_forgotten_after_two_minutes(backend, clock):
    got = await steps(backend)
    for body, pause in ((b"1", 119), (b"2", 2), (b"3", 1)):
        await backend.steps.enqueue(ADDRESS, body, "id")
        await backend.events.publish("run-1", "workflow.step.started", body, "id")
        await clock.advance(0)
        for delivery in got:
            await delivery.ack()
        await clock.advance(pause)

    assert [delivery.data for delivery in got] == [b"1", b"3"]
    assert await bodies(backend.events, "run-1") == [b"1", b"3"]


async def test_the_id_of_a_command_is_forgotten_after_ten_seconds(backend, clock):
    stored = []
    for pause in (9.0, 2.0, 9.0, 2.0):
        stored.append(await backend.commands.send("start.w", b"{}", {MSG_ID: "id"}))
        await clock.advance(pause)

    assert stored == [1, 1, 2, 2]


async def test_a_delivery_comes_again_exactly_after_the_ack_wait(backend, clock):
    got = await steps(backend)
    await backend.steps.enqueue(ADDRESS, b"", "id")
    await clock.advance(20)
    await got[0].in_progress()

    await clock.advance(29.9)
    assert [delivery.delivered for delivery in got] == [1]
    await clock.advance(0.1)
    assert [delivery.delivered for delivery in got] == [1, 2]
    await got[1].ack()
    await clock.advance(DAY)
    assert len(got) == 2


async def test_facts_may_wait_longer_than_what_is_timed_in_process(backend, clock):
    got: list[Delivery] = []
    for partition in range(backend.events.partitions):
        (await backend.events.consume(partition, got.append)).grant(5)
    await backend.events.publish("run-1", "workflow.started", b"", "id")

    await clock.advance(39.9)
    assert len(got) == 1
    await clock.advance(0.1)
    assert len(got) == 2


async def test_deliveries_that_are_due_together_come_in_their_order(backend, clock):
    got = await steps(backend, credit=3)
    for i in range(3):
        await backend.steps.enqueue(ADDRESS, b"%d" % i, f"{i}")
    await clock.advance(0)
    for delivery in reversed(got):
        await delivery.nak(5)
    await backend.steps.enqueue(ADDRESS, b"new", "new")
    again = await steps(backend, credit=0)
    await clock.advance(5)

    (await backend.steps.consume("default", Priority.NORMAL, again.append)).grant(10)
    await clock.advance(0)

    assert [delivery.data for delivery in again] == [b"0", b"1", b"2", b"new"]


async def test_a_timer_waits_for_months(backend, clock):
    got: list[Delivery] = []
    (await backend.timers.consume(got.append)).grant(5)
    await backend.timers.set("run-1", "retention", clock.now() + 90 * DAY)
    await backend.timers.set("run-1", "soon", clock.now() + 1)

    await clock.advance(1)
    await got[0].ack()
    await clock.advance(90 * DAY - 1.01)
    assert len(got) == 1
    await clock.advance(0.01)
    assert [delivery.subject for delivery in got] == ["timer.run-1.soon", "timer.run-1.retention"]


async def test_a_timer_goes_by_the_wall_clock_when_that_is_set_back(backend, clock):
    got: list[Delivery] = []
    (await backend.timers.consume(got.append)).grant(5)
    await backend.timers.set("run-1", "timeout", clock.now() + 100)

    clock.jump(-50)
    await clock.advance(100)
    assert got == []
    await clock.advance(50)
    assert len(got) == 1


async def test_an_ack_wait_does_not_care_for_the_wall_clock(backend, clock):
    got = await steps(backend)
    await backend.steps.enqueue(ADDRESS, b"", "id")
    await clock.advance(0)

    clock.jump(10 * DAY)
    await clock.advance(29.9)
    assert len(got) == 1
    clock.jump(-20 * DAY)
    await clock.advance(0.1)
    assert len(got) == 2


async def test_a_lease_holds_for_its_time_and_leaves_nothing(backend, clock):
    token = await backend.leases.acquire("partition.1", "a", 10)
    await clock.advance(9)
    token = await backend.leases.renew("partition.1", "a", 10, token)

    await clock.advance(9.9)
    assert await backend.leases.acquire("partition.1", "b", 10) is None
    await clock.advance(0.1)
    assert await backend.leases.renew("partition.1", "a", 10, token) is None
    assert vars(backend.leases)["_leases"] == {}


async def test_a_fence_by_order_only_the_present_hand_can_give_back(backend, clock):
    # Given a delivery that went to another hand
    got = await steps(backend)
    await backend.steps.enqueue(ADDRESS, b"", "id")
    await clock.advance(30)
    old, new = got

    # When the old hand gives it back or makes progress, then nothing happens
    await old.nak()
    await clock.advance(29)
    await old.in_progress()
    assert len(got) == 2
    await clock.advance(1)
    assert len(got) == 3

    # And when it acknowledges, it is done, as an ack is not a fence
    await new.nak()
    await old.ack()
    await clock.advance(DAY)
    assert len(got) == 3


async def test_nothing_is_left_of_a_run_that_is_over(backend, clock):
    # Given a run with messages in every state
    got = await steps(backend, credit=2)
    for i in range(5):
        await backend.steps.enqueue(ADDRESS, b"", f"{i}", clock.now() + 50 if i == 4 else 0.0)
    await clock.advance(0)
    await got[0].nak(10)
    await got[1].nak()
    await backend.events.publish("run-1", "workflow.started", b"", "e")

    # When it is dropped
    await backend.steps.drop("run-1")
    await backend.events.drop("run-1")
    await clock.advance(DAY)

    # Then nothing comes any more, and nothing is kept
    assert len(got) == 2
    [lane] = vars(backend.steps)["_lanes"].values()
    for queue in (lane, *vars(backend.events)["_facts"]):
        kept = {name: vars(queue)[name] for name in ("_groups", "_new", "_inflight")}
        assert not any(kept.values())
    assert vars(backend.events)["_runs"] == {}


async def test_closing_ends_what_waits(backend, clock):
    before = asyncio.all_tasks()
    got = await steps(backend)
    await backend.steps.enqueue(ADDRESS, b"", "id", clock.now() + 10)
    await backend.steps.enqueue(ADDRESS, b"", "id-2", clock.now() + 5)
    await backend.leases.acquire("partition.1", "a", 1)
    await clock.advance(0)

    await backend.close()

    assert asyncio.all_tasks() == before
    assert not backend.ready()
    await backend.timers.set("run-1", "late", clock.now() + 1)
    await clock.advance(100)
    assert got == []
    assert asyncio.all_tasks() == before


async def test_one_failing_callback_is_reported_and_the_others_are_called(backend, clock):
    reported: list[str] = []
    got: list[Delivery] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["message"]))

    def fail(delivery):
        got.append(delivery)
        raise ValueError("bad")

    (await backend.steps.consume("default", Priority.NORMAL, fail)).grant(2)
    for i in range(2):
        await backend.steps.enqueue(ADDRESS, b"", f"{i}")
    await clock.advance(0)

    assert len(got) == len(reported) == 2
    assert reported[0].startswith("step.default.normal.run-1.charge: the consumer's callback")


async def test_a_heartbeat_link_needs_a_loop_to_go_to(clock):
    backend = memory_backend(settings=Settings(), clock=clock)
    link = await backend.open_heartbeat()

    with pytest.raises(Unavailable, match="not in use on any event loop"):
        await link.write("run.run-1", b"", 0)


def test_a_heartbeat_link_to_a_loop_that_ended_says_so(clock):
    backend = memory_backend(settings=Settings(), clock=clock)

    async def use():
        await steps(backend)

    async def beat():
        await (await backend.open_heartbeat()).write("run.run-1", b"", 0)

    asyncio.run(use())
    with pytest.raises(Unavailable, match="has ended"):
        asyncio.run(beat())

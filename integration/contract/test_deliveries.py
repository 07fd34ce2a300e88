"""The `Delivery` and `Consumer` ports, shown with step messages: credit, acks, redelivery."""

from __future__ import annotations

import asyncio
import time

from integration.contract.support import SLACK, Worker, enqueue, open_lane
from tests.support.waiting import eventually, quiet_for


async def test_no_more_is_delivered_than_was_granted(backend):
    # Given more messages than credit
    await enqueue(backend, *(f"s{i}" for i in range(10)))
    inbox = await open_lane(backend, 2)
    first, _ = await inbox.take(2)

    # When a delivery is acknowledged, nothing new is granted by it
    await first.ack()
    await quiet_for(0.15)
    await inbox.take(2)

    # Then only a grant brings more
    inbox.grant(3)
    inbox.grant(1)
    await inbox.take(6)
    await quiet_for(0.15)
    assert inbox.bodies == [f"s{i}".encode() for i in range(6)]


async def test_credit_is_never_exceeded_while_it_is_topped_up(backend):
    # Given a consumer that counts what it was granted
    inbox = await open_lane(backend)
    granted = 0
    worst = 0
    names = [f"s{i}" for i in range(200)]

    async def top_up():
        nonlocal granted, worst
        while len(inbox.got) < len(names):
            if granted - len(inbox.got) < 2:
                granted += 3
                inbox.grant(3)
            await asyncio.sleep(0)
            worst = max(worst, len(inbox.got) - granted)

    # When messages come in while it grants
    await asyncio.gather(top_up(), enqueue(backend, *names))

    # Then it never got more than that
    assert worst <= 0
    assert [body.decode() for body in inbox.bodies] == names


async def test_unused_credit_does_not_expire(backend, adapter):
    inbox = await open_lane(backend, 3)

    await quiet_for(adapter.idle)

    await enqueue(backend, "a", "b", "c", "d")
    await inbox.take(3)
    await quiet_for(0.15)
    assert inbox.bodies == [b"a", b"b", b"c"]


async def test_undelivered_credit_is_void_once_stopped(backend, peer):
    # Given two consumers with credit
    stopped, other = await open_lane(backend, 5), await open_lane(peer, 5)

    # When one of them is stopped, twice
    await stopped.stop()
    await stopped.stop()
    stopped.grant(5)

    # Then the other one gets everything, as soon as it can
    await enqueue(backend, "a", "b", "c")
    await eventually(lambda: sorted(other.bodies) == [b"a", b"b", b"c"])
    assert stopped.got == []


async def test_deliveries_in_flight_stay_valid_after_a_stop(backend):
    await enqueue(backend, "a", "b")
    stopped = await open_lane(backend, 2)
    a, b = await stopped.take(2)

    await stopped.stop()
    await a.in_progress()
    await a.ack()
    await b.nak()

    inbox = await open_lane(backend, 5)
    [again] = await inbox.take(1)
    assert (again.data, again.delivered) == (b"b", 2)


async def test_what_is_given_back_comes_again(backend):
    inbox = await open_lane(backend, 10)
    await enqueue(backend, "a")
    [first] = await inbox.take(1)

    await first.nak()

    _, second = await inbox.take(2)
    assert (second.data, second.sequence) == (first.data, first.sequence)
    assert (first.delivered, second.delivered) == (1, 2)
    assert second.order > first.order


async def test_what_is_given_back_with_a_delay_waits(backend, peer):
    # Given a delivery
    inbox = await open_lane(backend, 10)
    await enqueue(backend, "a")
    [first] = await inbox.take(1)

    # When it is given back for later
    start = time.monotonic()
    await first.nak(0.5)
    await enqueue(peer, "b")

    # Then others overtake it, and it comes after the delay
    await inbox.take(3)
    assert inbox.bodies == [b"a", b"b", b"a"]
    assert inbox.times[2] - start >= 0.5 - SLACK


async def test_acting_on_what_was_handed_on_does_no_harm(backend):
    # Given a message that went from one hand to another
    await enqueue(backend, "a")
    inbox = await open_lane(backend, 2)
    [old] = await inbox.take(1)
    await old.nak()
    _, new = await inbox.take(2)

    # When the former one does something with it, and the present one too
    await old.in_progress()
    await old.ack()
    await new.in_progress()
    await new.ack()
    await new.nak()

    # Then it is done
    inbox.grant(2)
    await enqueue(backend, "last")
    await inbox.take(3)
    assert inbox.bodies == [b"a", b"a", b"last"]


async def test_order_counts_deliveries_to_anybody(backend, peer):
    # Given one lane with two consumers
    workers = [await open_lane(member, 2, inbox=Worker()) for member in (backend, peer)]

    # When it hands out messages, one of them twice
    await enqueue(backend, *(f"s{i}" for i in range(60)))
    await eventually(lambda: sum(worker.acknowledged for worker in workers) == 60)

    # Then the order has no gap over both, and grows for each
    orders = [[delivery.order for delivery in worker.got] for worker in workers]
    together = sorted(orders[0] + orders[1])
    assert together == list(range(together[0], together[0] + 60))
    assert all(own == sorted(own) for own in orders)


async def test_a_failing_callback_does_not_stop_the_others(backend):
    # Given a consumer whose callback fails once
    class FailsOnBad(Worker):
        def __call__(self, delivery):
            super().__call__(delivery)
            if delivery.data == b"bad":
                raise ValueError("bad")

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    inbox = await open_lane(backend, 1, inbox=FailsOnBad())

    await enqueue(backend, "bad", "good")

    await eventually(lambda: b"good" in inbox.bodies)
    assert inbox.bodies == [b"bad", b"good"]

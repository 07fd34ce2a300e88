"""What comes again because nobody acknowledged it. These tests wait for a short ack wait."""

from __future__ import annotations

import pytest

from integration.contract.support import (
    ACK_WAIT,
    SLACK,
    Steadily,
    enqueue,
    follow,
    in_thread,
    open_lane,
    publish,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("ack_wait", [ACK_WAIT])


async def test_what_is_not_acknowledged_comes_again_after_the_ack_wait(backend, peer):
    # Given three deliveries to somebody who acknowledges one, twice
    await enqueue(backend, "done", "lost", "lost-too")
    inbox = await open_lane(backend, 3)
    done, _, _ = await inbox.take(3)
    await done.ack()
    await done.ack()
    await inbox.stop()

    # When time passes, then the others come again, and not too early
    other = await open_lane(peer, 2)
    again = await other.take(2)
    assert other.bodies == [b"lost", b"lost-too"]
    assert [delivery.delivered for delivery in again] == [2, 2]
    assert other.times[0] - inbox.times[1] >= ACK_WAIT - SLACK


async def test_progress_restarts_the_ack_wait(backend, peer):
    # Given a delivery in flight, and somebody who would take it
    await enqueue(backend, "a")
    inbox = await open_lane(backend, 1)
    [got] = await inbox.take(1)
    other = await open_lane(peer, 1)

    # When it makes progress for longer than the ack wait
    steadily = Steadily(got.in_progress)
    await steadily.keep_on(ACK_WAIT * 1.5)

    # Then it comes again an ack wait after the last time
    await other.take(1)
    assert steadily.paused(ACK_WAIT) or other.times[0] - steadily.last >= ACK_WAIT - SLACK


async def test_a_heartbeat_link_restarts_the_ack_wait(backend, peer):
    # Given a delivery in flight, and somebody who would take it
    await enqueue(backend, "a")
    inbox = await open_lane(backend, 1)
    [got] = await inbox.take(1)
    other = await open_lane(peer, 1)

    # When another thread says that it makes progress
    async def beat():
        link = await backend.open_heartbeat()
        steadily = Steadily(lambda: link.in_progress(got))
        await steadily.keep_on(ACK_WAIT * 1.5)
        await link.close()
        return steadily

    steadily = await in_thread(beat)

    # Then it comes again an ack wait after the last time
    await other.take(1)
    assert steadily.paused(ACK_WAIT) or other.times[0] - steadily.last >= ACK_WAIT - SLACK


async def test_one_who_takes_over_gets_what_was_not_acknowledged(backend, peer):
    # Given an owner that acknowledged one fact of three, and is gone
    await publish(backend, "run-1", "1", "2", "3")
    former = await follow(backend, "run-1", 2)
    first, _ = await former.take(2)
    await first.ack()
    await former.stop()

    # When another takes over, then it gets the rest
    owner = await follow(peer, "run-1", 10)
    await eventually(lambda: {b"2", b"3"} <= set(owner.bodies))
    again = next(delivery for delivery in owner.got if delivery.data == b"2")
    assert again.delivered == 2

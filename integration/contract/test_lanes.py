"""The `Lanes` port: queues that hand nothing out."""

from __future__ import annotations

import pytest

from integration.contract.support import ACK_WAIT, RUN, enqueue, open_lane, step
from tests.support.waiting import eventually


async def test_a_held_queue_hands_out_nothing_new_until_it_is_released(backend, peer):
    # Given workers that wait, of two queues
    held = await open_lane(backend, 10)
    urgent = await open_lane(peer, 10, priority="high")
    other = await open_lane(peer, 10, queue="other")

    # When one of them is held, twice, and steps come for both
    assert await peer.lanes.hold("default")
    assert await peer.lanes.hold("default")
    await enqueue(backend, "a")
    await enqueue(backend, "b", priority="high")
    await enqueue(backend, "c", queue="other")

    # Then those of the other one are handed out, and these are seen to be held
    await other.take(1)
    [place] = await peer.steps.places(step("a"))
    assert (place.held, place.handed_out, place.ahead) == (True, False, 0)
    assert not (await peer.steps.places(step("c", queue="other")))[0].held
    assert held.got == urgent.got == []

    # Until it is released
    assert await backend.lanes.release("default")
    assert await backend.lanes.release("default")
    await held.take(1)
    await urgent.take(1)
    assert not (await peer.steps.places(step("a")))[0].held


async def test_who_comes_later_gets_nothing_of_a_held_queue_either(backend, peer):
    await open_lane(backend)
    await backend.lanes.hold("default")
    await enqueue(backend, "a")

    late = await open_lane(peer, 10)
    await enqueue(peer, "b")
    other = await open_lane(peer, 10, queue="other")
    await enqueue(peer, "c", queue="other")
    await other.take(1)
    assert late.got == []

    await peer.lanes.release("default")
    assert [got.data for got in await late.take(2)] == [b"a", b"b"]


async def test_nobody_can_hold_what_nobody_has_used(backend):
    assert not await backend.lanes.hold("default")
    assert not await backend.lanes.release("default")

    await enqueue(backend, "a")

    assert await backend.lanes.hold("default")


async def test_what_a_worker_has_stays_with_it(backend, peer):
    await enqueue(backend, "done", "returned")
    inbox = await open_lane(backend, 2)
    done, returned = await inbox.take(2)
    await peer.lanes.hold("default")

    await done.in_progress()
    await done.ack()
    await returned.nak()
    other = await open_lane(peer, 10)

    await eventually(lambda: _is_gone(peer, "done"))
    assert [place.held for place in await peer.steps.places(step("returned"))] == [True]
    assert other.got == []
    await peer.lanes.release("default")
    [again] = await other.take(1)
    assert (again.data, again.delivered) == (b"returned", 2)


@pytest.mark.parametrize("ack_wait", [ACK_WAIT])
async def test_what_was_lost_is_not_handed_to_others_while_it_is_held(backend, peer):
    # Given a worker that has died with a step, and another that waits
    await enqueue(backend, "lost")
    lost = await open_lane(backend, 1)
    await lost.take(1)
    await lost.stop()
    other = await open_lane(peer, 10)

    # When its queue is held, then it is not taken over, in two ack waits of another queue
    await peer.lanes.hold("default")
    await enqueue(backend, "twice", queue="other")
    clock = await open_lane(peer, 3, queue="other")
    await clock.take(3)
    assert other.got == []

    # Until it is released
    await peer.lanes.release("default")
    assert [got.data for got in await other.take(1)] == [b"lost"]


async def _is_gone(backend, name: str) -> bool:
    return not await backend.steps.places(step(name, run=RUN))

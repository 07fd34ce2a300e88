"""The `Timers` port."""

from __future__ import annotations

import time

from flowworker.codec.keys import step_timer
from integration.contract.support import SLACK, Inbox
from tests.support.waiting import eventually


class AllShards(list):
    """A consumer of each."""

    def grant(self, credit):
        for one in self:
            one.grant(credit)

    async def stop(self):
        for one in self:
            await one.stop()


async def consume(backend, credit=10):
    inbox = Inbox()
    shards = range(backend.shards)
    inbox.consumer = AllShards([await backend.timers.consume(inbox, shard=one) for one in shards])
    inbox.grant(credit)
    return inbox


def at(seconds):
    return time.time() + seconds


async def test_a_timer_is_delivered_at_its_time(backend, peer):
    inbox = await consume(peer)
    due = at(0.8)

    await backend.timers.set("run-1", "timeout", due)

    [got] = await inbox.take(1)
    assert time.time() >= due - SLACK
    assert (got.subject, got.delivered) == ("timer.run-1.timeout", 1)


async def test_a_timer_whose_time_is_past_is_delivered_soon(backend):
    inbox = await consume(backend)

    await backend.timers.set("run-1", "timeout", at(-3600))
    await backend.timers.set("run-2", "timeout", at(0))

    await inbox.take(2)
    assert sorted(inbox.subjects) == ["timer.run-1.timeout", "timer.run-2.timeout"]


async def test_a_timer_waits_for_somebody_to_take_it(backend, peer):
    await backend.timers.set("run-1", "timeout", at(-1))

    [got] = await (await consume(peer, 1)).take(1)
    assert got.subject.endswith("run-1.timeout")


async def test_timers_come_by_their_times_and_not_by_when_they_were_set(backend):
    inbox = await consume(backend)

    await backend.timers.set("run-1", "last", at(1.2))
    await backend.timers.set("run-1", "first", at(0.1))
    await backend.timers.set("run-2", "first", at(0.65))

    await inbox.take(3)
    assert inbox.subjects == ["timer.run-1.first", "timer.run-2.first", "timer.run-1.last"]


async def test_a_timer_that_is_set_again_moves(backend, peer):
    # Given two timers, one soon and one in an hour
    inbox = await consume(backend)
    await backend.timers.set("run-1", "put-off", at(0.8))
    await backend.timers.set("run-1", "brought-forward", at(3600))

    # When each is moved
    late = at(1.4)
    await peer.timers.set("run-1", "put-off", late)
    await peer.timers.set("run-1", "brought-forward", at(0.2))

    # Then each comes once, at its new time
    await inbox.take(2)
    assert inbox.subjects == ["timer.run-1.brought-forward", "timer.run-1.put-off"]
    assert time.time() >= late - SLACK


async def test_a_timer_that_is_cleared_is_forgotten(backend, peer):
    inbox = await consume(backend)
    await backend.timers.set("run-1", "a", at(0.8))
    await backend.timers.set("run-12", "a", at(0.8))
    await backend.timers.set("run-1", "ab", at(0.8))

    await peer.timers.clear("run-1", "a")
    await peer.timers.clear("run-1", "a")
    await peer.timers.clear("run-1", "never-set")

    await inbox.take(2)
    await backend.timers.set("run-1", "last", at(0.3))
    await inbox.take(3)
    assert sorted(inbox.subjects[:2]) == ["timer.run-1.ab", "timer.run-12.a"]


async def test_a_timer_can_be_set_again_after_it_was_delivered_or_cleared(backend):
    inbox = await consume(backend)
    await backend.timers.set("run-1", "a", at(0))
    [first] = await inbox.take(1)
    await first.ack()

    await backend.timers.set("run-1", "a", at(3600))
    await backend.timers.clear("run-1", "a")
    await backend.timers.set("run-1", "a", at(0.1))

    await inbox.take(2)
    assert inbox.subjects == ["timer.run-1.a"] * 2


async def test_who_has_a_timer_is_known(backend, peer):
    # Given timers that wait, and one that has gone off and is in somebody's hand
    inbox = await consume(backend)
    assert await peer.timers.runs("a.b") == []
    for run in ("run-1", "run-2", "run-3"):
        await backend.timers.set(run, "a.b", at(3600))
    await backend.timers.set("run-4", "b", at(3600))
    await backend.timers.set("run-1", "a", at(3600))
    await backend.timers.set("run-5", "a.b", at(0))
    [fired] = await inbox.take(1)
    await backend.timers.clear("run-3", "a.b")

    assert sorted(await peer.timers.runs("a.b")) == ["run-1", "run-2", "run-5"]
    asked = [f"run-{number}" for number in range(1, 7)]
    assert await peer.timers.missing(asked, "a.b") == ["run-3", "run-4", "run-6"]
    assert await peer.timers.missing([], "a.b") == []
    assert await peer.timers.runs("b") == ["run-4"]

    await fired.ack()

    async def is_over():
        gone = "run-5" not in await peer.timers.runs("a.b")
        return gone and await peer.timers.missing(["run-5"], "a.b") == ["run-5"]

    await eventually(is_over)


async def test_names_of_timers_may_have_dots(backend):
    inbox = await consume(backend)

    await backend.timers.set("run-1", "sleep.customer.persona", at(0.1))

    await inbox.take(1)
    assert inbox.subjects == ["timer.run-1.sleep.customer.persona"]


async def test_alarms_are_shared_and_come_again_until_they_are_acknowledged(backend, peer):
    # Given two who share the alarms
    inboxes = [await consume(member, 1) for member in (backend, peer)]
    for name in ("a", "b"):
        await backend.timers.set("run-1", name, at(0))
    for inbox in inboxes:
        await inbox.take(1)
    assert sorted(inboxes[0].subjects + inboxes[1].subjects) == ["timer.run-1.a", "timer.run-1.b"]

    # When one gives its alarm back, then it comes again
    [given_back] = inboxes[0].got
    await inboxes[1].got[0].ack()
    await given_back.nak(0.1)
    inboxes[0].grant(1)

    _, again = await inboxes[0].take(2)
    assert (again.subject, again.delivered) == (given_back.subject, 2)


async def test_a_timer_of_a_step_counts_among_its_messages(backend, peer):
    inbox = await consume(backend)
    await backend.timers.set("run-1", step_timer("a.b"), at(3600))
    await backend.timers.set("run-1", "timeout", at(3600))
    await backend.timers.set("run-2", step_timer("c"), at(3600))

    assert await peer.steps.backlog() == {"run-1": ["a.b"], "run-2": ["c"]}
    await peer.steps.drop("run-1")
    assert await peer.steps.backlog() == {"run-2": ["c"]}
    assert await peer.timers.runs("timeout") == ["run-1"]

    await peer.timers.set("run-2", step_timer("c"), at(-1))
    await inbox.take(1)
    assert inbox.subjects == ["timer.run-2.step.c"]

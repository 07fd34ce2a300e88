"""The `EventLog` port: histories, what is stored once, and what is dropped."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.core.event_types import ENDS, EventType
from flowworker.ports import StoredEvent
from integration.contract.support import COMPLETED, follow, publish
from tests.support.histories import bodies

STARTED = EventType.STEP_STARTED


async def test_a_history_has_all_events_in_their_order(backend, peer):
    expected = []
    for i, event_type in enumerate([*EventType, "order.paid", *EventType]):
        await backend.events.publish("run-1", event_type, b"%d" % i, f"id-{i}")
        expected.append(b"%d" % i)

    assert await bodies(peer.events, "run-1") == expected


async def test_a_long_history_is_complete(backend):
    expected = [f"{i:04} {'x' * 1_000}" for i in range(600)]
    gate = asyncio.Semaphore(100)

    async def one(body):
        async with gate:
            await publish(backend, "run-1", body)

    await asyncio.gather(*(one(body) for body in expected))

    history = await bodies(backend.events, "run-1")
    assert sorted(body.decode() for body in history) == expected


async def test_what_never_ran_has_no_history(backend):
    assert await bodies(backend.events, "run-1") == []


async def test_histories_of_similar_runs_are_apart(backend):
    for run in ("run-1", "run-12", "run"):
        await publish(backend, run, run, event_type=STARTED)

    assert await bodies(backend.events, "run-1") == [b"run-1"]


async def test_what_schedules_and_runs_of_one_id_have_to_say_is_apart(backend, peer):
    for of in ("one", "schedule:one"):
        await publish(backend, of, of, event_type=STARTED)

    assert await bodies(peer.events, "schedule:one") == [b"schedule:one"]
    assert await bodies(peer.events, "one") == [b"one"]


async def test_equal_ids_are_stored_once(backend, peer):
    for body, member in ((b"1", backend), (b"2", backend), (b"3", peer)):
        await member.events.publish("run-1", COMPLETED, body, "id")
    await publish(backend, "run-1", "last")

    assert await bodies(backend.events, "run-1") == [b"1", b"last"]
    inbox = await follow(backend, "run-1", 10)
    await inbox.take(2)
    assert inbox.bodies == [b"1", b"last"]


async def test_one_event_may_stand_in_several_histories(backend, peer):
    # Given a start that was rejected, as the history of the run says that it was to begin
    rejected = "run-1/workflow.rejected/7"
    await backend.events.publish("run-1", EventType.REJECTED, b"1", rejected)

    # When its own says so, in whatever way, and again
    assert await peer.events.publish_before_end("seq-7", EventType.REJECTED, b"2", rejected)
    await backend.events.publish("seq-7", EventType.REJECTED, b"3", rejected)

    # Then each has it once
    assert await bodies(peer.events, "run-1") == [b"1"]
    assert await bodies(peer.events, "seq-7") == [b"2"]


async def test_what_is_to_happen_once_is_stored_once_per_run(backend, peer):
    events = backend.events
    await events.publish("run-1", EventType.STARTED, b"a", "1", once=True)
    await events.publish("run-1", EventType.STARTED, b"b", "2", once=True)
    await peer.events.publish("run-1", EventType.STARTED, b"c", "3", once=True)
    await events.publish("run-1", EventType.COMPLETED, b"d", "4", once=True)
    await events.publish("run-2", EventType.STARTED, b"e", "5", once=True)
    await events.publish("run-1", EventType.STARTED, b"f", "6")

    assert await bodies(events, "run-1") == [b"a", b"d", b"f"]
    assert await bodies(events, "run-2") == [b"e"]


async def test_of_many_who_tell_what_happens_once_one_is_stored(backend, peer):
    members = [backend.events, peer.events]

    await asyncio.gather(
        *(
            members[i % 2].publish("run-1", EventType.STARTED, b"%d" % i, f"{i}", once=True)
            for i in range(20)
        )
    )

    assert len(await bodies(backend.events, "run-1")) == 1


@pytest.mark.parametrize("end", sorted(ENDS))
async def test_what_comes_from_outside_is_stored_until_the_end_and_not_behind_it(
    backend, peer, end
):
    # Given requests to a run that has not begun to tell of itself, and to one that is active
    request, events = EventType.CANCEL_REQUESTED, backend.events
    assert await events.publish_before_end("run-1", request, b"1", "1")
    await publish(backend, "run-1", "2", event_type=COMPLETED)
    assert await peer.events.publish_before_end("run-1", request, b"3", "3")

    # When it ends, and the event of an attempt comes late whose worker was slow
    await events.publish("run-1", end, b"4", "4", once=True)
    await publish(backend, "run-1", "5", event_type=STARTED)

    # Then none is stored any more, nor published, no matter who sends it; and other runs go on
    for member in (backend, peer):
        assert not await member.events.publish_before_end("run-1", request, b"6", "6")
        assert await member.events.publish_before_end("run-12", request, b"7", "7")
    assert await bodies(events, "run-1") == [b"1", b"2", b"3", b"4", b"5"]
    assert await bodies(events, "run-12") == [b"7"]


async def test_what_comes_from_outside_is_stored_once(backend, peer):
    timeout, cancel = EventType.TIMED_OUT, EventType.CANCEL_REQUESTED
    for i, member in enumerate((backend, peer)):
        assert await member.events.publish_before_end("run-1", cancel, b"1", "same")
        assert await member.events.publish_before_end(
            "run-1", timeout, b"2", f"other-{i}", once=True
        )

    assert await bodies(backend.events, "run-1") == [b"1", b"2"]


async def test_of_those_who_meet_the_end_none_is_behind_it(backend, peer):
    # Given requests of two members, and the end, all at once, among many events of steps
    members = [backend.events, peer.events]

    async def request(run, n):
        return await members[n % 2].publish_before_end(
            run, EventType.HUMAN_DECIDED, b"request", f"{run}/{n}"
        )

    async def one(run):
        await publish(backend, run, "begun", event_type=EventType.STARTED)
        stored = await asyncio.gather(
            *(request(run, n) for n in range(4)),
            publish(backend, run, *map(str, range(5))),
            peer.events.publish(run, EventType.COMPLETED, b"end", f"{run}/end", once=True),
        )
        history = await bodies(backend.events, run)
        assert history.count(b"request") == stored.count(True)
        assert b"request" not in history[history.index(b"end") :]

    # When they race, in many runs, then what is behind the end is of steps
    await asyncio.gather(*(one(f"run-{n}") for n in range(10)))


async def test_a_dropped_run_has_no_history_and_others_have(backend, peer):
    await publish(backend, "run-1", "a", "b")
    await publish(backend, "run-12", "a")

    await peer.events.drop("run-1")
    await peer.events.drop("run-1")

    assert await bodies(backend.events, "run-1") == []
    assert await bodies(backend.events, "run-12") == [b"a"]


@pytest.mark.parametrize("event_type", [COMPLETED, STARTED])
async def test_a_run_can_happen_again_after_it_was_dropped(backend, event_type):
    await backend.events.publish("run-1", event_type, b"1", "id-1", once=True)
    await backend.events.drop("run-1")

    await backend.events.publish("run-1", event_type, b"2", "id-2", once=True)

    assert await bodies(backend.events, "run-1") == [b"2"]


async def test_events_of_several_senders_are_of_one_history(backend, peer):
    for sender in ("gpu", "coordinator", "gpu"):
        identity = f"id-{sender}"
        await backend.events.publish(
            "run-1", STARTED, sender.encode(), identity, sender=sender, once=True
        )

    assert await peer.events.history("run-1") == [
        StoredEvent("gpu", STARTED, b"gpu"),
        StoredEvent("coordinator", STARTED, b"coordinator"),
    ]


async def test_no_other_sender_can_end_a_history(backend):
    end = EventType.COMPLETED
    await backend.events.publish("run-1", end, b"forged", "1", sender="gpu")

    assert await backend.events.publish_before_end("run-1", EventType.TIMED_OUT, b"2", "2")
    await backend.events.publish("run-1", end, b"3", "3", once=True)
    assert await bodies(backend.events, "run-1") == [b"forged", b"2", b"3"]

"""Histories are whole, and read without asking for anything that is not there."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.core.ids import partition_of
from flowworker.errors import Unavailable
from flowworker.jetstream import history
from flowworker.jetstream.client import api as requests
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.subjects import counts_of
from tests.support.histories import bodies

STARTED, COMPLETED = "workflow.step.started", "workflow.step.completed"


@pytest.fixture
def asked(monkeypatch):
    """Requests that read messages: how many were asked for, how many came."""
    asked: list[tuple[int, int]] = []
    message, batch = Api.message, history._batch

    async def one(self, stream, query):
        found = await message(self, stream, query)
        asked.append((1, int(found is not None)))
        return found

    async def several(connection, stream, subject, start, count):
        found = await batch(connection, stream, subject, start, count)
        asked.append((count, len(found)))
        return found

    monkeypatch.setattr(Api, "message", one)
    monkeypatch.setattr(history, "_batch", several)
    return asked


async def tell(backend, run="run-1", others=0):
    """Three steps, one after the other, with events of others before, between and behind."""
    expected = []
    for step in range(3):
        for event_type in ("workflow.started", STARTED, COMPLETED):
            if event_type == "workflow.started" and step:
                continue
            await asyncio.gather(
                *(
                    backend.events.publish(f"other-{n}", event_type, b"", f"{n}/{step}{event_type}")
                    for n in range(others)
                )
            )
            expected.append(b"%s %d" % (event_type.encode(), step))
            await backend.events.publish(run, event_type, expected[-1], f"{step}{event_type}")
    await asyncio.gather(
        *(backend.events.publish(f"other-{n}", "late", b"", f"late/{n}") for n in range(others))
    )
    return expected


@pytest.mark.parametrize("others", [0, 50])
async def test_nothing_is_asked_for_that_is_not_there(open_jetstream, asked, others):
    # To look for more than there is makes the server scan all that stands behind.
    backend = await open_jetstream()
    expected = await tell(backend, others=others)

    assert await bodies(backend.events, "run-1") == expected

    assert sum(wanted for wanted, _ in asked) == len(expected)
    assert [wanted for wanted, came in asked if came != wanted] == []
    assert len(asked) == 3  # the first one of all, and what else there is of each type


async def test_a_run_without_history_costs_one_question(open_jetstream, asked):
    backend = await open_jetstream()

    assert await bodies(backend.events, "run-1") == []

    assert asked == []


@pytest.mark.parametrize("known", [0, 1, 2])
async def test_what_a_replica_does_not_know_yet_comes_from_the_leader(
    open_jetstream, monkeypatch, known
):
    backend = await open_jetstream()
    expected = await tell(backend)
    batch = history._batch

    async def stale(*asked):
        return (await batch(*asked))[:known]

    monkeypatch.setattr(history, "_batch", stale)

    assert await bodies(backend.events, "run-1") == expected


async def test_what_a_replica_still_knows_of_an_earlier_run_of_that_id_does_not_count(
    open_jetstream, monkeypatch
):
    # Given a run whose id was used before
    backend = await open_jetstream()
    await tell(backend)
    await backend.events.drop("run-1")
    partition = partition_of("run-1", backend.events.partitions)
    info = await backend.timers._api.call(f"STREAM.INFO.{backend.timers._names.first.events}")
    for step in range(3):
        await backend.events.publish("run-1", STARTED, b"%d" % step, f"again/{step}")
    asked = []
    batch = history._batch

    async def remembered(connection, stream, subject, start, count):
        asked.append((subject, start))
        return await batch(connection, stream, subject, start, count)

    monkeypatch.setattr(history, "_batch", remembered)

    # When its history is read, then nothing is asked for that is older than its first event
    assert await bodies(backend.events, "run-1") == [b"0", b"1", b"2"]
    [(subject, start)] = asked
    assert subject.endswith(f".event.{partition}.run-1.coordinator.{STARTED}")
    assert start > info["state"]["last_seq"] + 1


async def test_a_history_that_shrinks_while_it_is_read_is_read_again(open_jetstream, monkeypatch):
    # Given somebody who drops the history when it was counted
    backend = await open_jetstream()
    await tell(backend)

    rounds = []

    async def counted(api, stream, pattern):
        counts = await counts_of(api, stream, pattern)
        rounds.append(len(counts))
        await backend.events.drop("run-1")
        return counts

    monkeypatch.setattr(history, "counts_of", counted)

    assert await bodies(backend.events, "run-1") == []
    assert rounds == [3, 0]


async def test_a_history_that_never_is_what_was_counted_cannot_be_read(open_jetstream, monkeypatch):
    backend = await open_jetstream()
    await tell(backend)

    async def too_many(api, stream, pattern):
        return {
            subject: count + 1 for subject, count in (await counts_of(api, stream, pattern)).items()
        }

    monkeypatch.setattr(history, "counts_of", too_many)

    with pytest.raises(Unavailable, match="changes while it is read"):
        await bodies(backend.events, "run-1")


async def test_requests_that_are_in_flight_at_a_time_are_bounded(open_jetstream, monkeypatch):
    # Given somebody who reads 500 things at once
    monkeypatch.setattr(requests, "IN_FLIGHT", 20)
    backend = await open_jetstream()
    replies = backend.timers._api.connection.requests
    most = 0
    ask = replies.ask

    def counted(*asked):
        nonlocal most
        answer = ask(*asked)
        most = max(most, len(replies._young) + len(replies._old))
        return answer

    monkeypatch.setattr(replies, "ask", counted)

    await asyncio.gather(*(backend.runs.read(f"run.r-{number}") for number in range(500)))

    assert 10 < most <= 30  # beside those of consumers

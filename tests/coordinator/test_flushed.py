"""What may be lost of late, and is not known to be flushed, is looked at after a start."""

from __future__ import annotations

from typing import Any

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.codec.keys import looked_key
from flowworker.core.event_types import EventType
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.coordinator.looking import ALL, TAIL, UNFINISHED, with_runs
from tests.support.backends import memory
from tests.support.listing import entry


@pytest.fixture
async def server(backend):
    return await with_runs(backend)


async def flushed(server, key=0):
    """What the record says of that partition."""
    found = await server.backend.runs.read(looked_key(key))
    return int(found[0].decode().split(" ")[1])


async def test_runs_that_ended_of_late_are_rebuilt_as_well(server):
    # Given a run that ended before anybody looked, and one server for as long as a tail is
    assert await server.look() == ALL
    server.clock.at = TAIL - 1.0
    await server.look()
    assert await flushed(server) == 0

    server.clock.at = TAIL
    await server.look()
    assert await flushed(server) > 0

    # When another ends, and the server is started anew
    await RunStore(server.backend.runs).index(entry(RunStatus.FAILED, "w", "f"))
    server.server.incarnation = "second"

    # Then that one alone may have lost its end
    assert await server.look() == [*UNFINISHED, "f"]


async def test_what_was_written_before_a_start_is_not_known_to_be_flushed_after_it(server):
    await server.look()
    server.server.incarnation = "second"
    server.clock.at = TAIL
    await server.look()
    server.clock.at = TAIL + 1.0
    await server.look()

    assert await flushed(server) == 0


async def test_a_server_that_was_away_has_not_been_the_same_all_the_time(server):
    await server.look()
    server.clock.at = TAIL
    read = server.backend.runs.read

    # Given one that answers again when it has been started anew
    async def late(key):
        server.server.incarnation = "second"
        return await read(key)

    server.backend.runs.read = late
    await server.look()

    assert await flushed(server) == 0


async def test_who_takes_a_partition_over_believes_starts_of_runs_made_since_the_look(server):
    await server.look()
    revision = (await server.backend.runs.read(looked_key(0)))[1]
    server.partition.believed.clear()

    await server.look(server.coordinator())

    assert server.partition.believed[0] == (revision, "first")


async def test_who_does_not_adopt_all_runs_says_of_none_that_they_were_looked_at(server):
    await server.look(server.coordinator(adopts=lambda run: run == "c"))

    assert await server.backend.runs.read(looked_key(0)) is None


def event(run, kind):
    return cloud_event("flowworker", kind, EventData(run), 0.0, "9")


async def published(server, run):
    return [one.type for one in await server.backend.events.history(run)]


async def reject(server, run):
    said, events = event(run, EventType.REJECTED), stores_of(server.backend).backend.events
    await events.publish(run, said.type, encode(said), said.id)


async def lose(server, *runs):
    for run in runs:
        await server.backend.events.drop(run)
    server.backend.events._window._seen.clear()


async def test_answers_to_commands_that_began_no_run_are_published_again(server):
    # Given rejections, one of a start that is listed still, and a request to a run that is gone
    await reject(server, "seq-1")
    await reject(server, "b")
    asked = event("gone", EventType.CANCEL_REQUESTED)
    events = stores_of(server.backend).backend.events
    await events.publish_before_end("gone", asked.type, encode(asked), asked.id)
    await lose(server, "seq-1", "b", "gone")

    await server.look()

    assert await published(server, "seq-1") == [EventType.REJECTED]
    assert await published(server, "b") == [EventType.REJECTED]
    assert await published(server, "gone") == []


async def test_answers_are_published_again_when_the_server_answers(server):
    await reject(server, "seq-1")
    await lose(server, "seq-1")
    stores = stores_of(server.backend)
    events: Any = stores.backend.events
    errors, history = [Unavailable("slow"), Unavailable("slow")], events.history

    async def slow(run):
        if errors:
            raise errors.pop()
        return await history(run)

    events.history = slow
    await server.look(server.coordinator(stores=stores))

    assert await published(server, "seq-1") == [EventType.REJECTED]
    assert server.clock.slept == [0.5, 1.0]


async def test_what_is_flushed_is_removed_from_the_outbox(server):
    await reject(server, "seq-1")
    await server.look()
    await reject(server, "seq-2")

    server.clock.at = TAIL
    await server.look()

    assert await stores_of(server.backend).outbox.histories() == {"seq-2"}


async def test_nothing_is_removed_before_it_is_flushed_for_all_partitions():
    # Given a partition of another coordinator, which may have to look at it
    async with memory(partitions=2) as backend:
        server = await with_runs(backend)
        await reject(server, "seq-1")
        await server.look(partitions=1)
        server.clock.at = TAIL
        await server.look(partitions=1)

        assert await flushed(server) > 0
        assert await stores_of(server.backend).outbox.histories() == {"seq-1"}

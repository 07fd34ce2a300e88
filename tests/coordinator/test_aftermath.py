"""After each start of the server all unfinished runs are rebuilt once, by who drives them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.codec.keys import looked_key
from flowworker.coordinator.driving.aftermath import Aftermath
from flowworker.core.event_types import EventType
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.support.listing import entry
from tests.support.tails import Unflushed

TAIL = 60.0


def event(run, kind, detail):
    return cloud_event("flowworker", kind, EventData(run), 0.0, detail)


class Clock:
    """Notes for how long somebody slept."""

    def __init__(self):
        self.slept = []
        self.at = 0.0

    def monotonic(self):
        return self.at

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Partition:
    """A scheduler: notes what was rebuilt; `silent` says how often the server does not answer."""

    def __init__(self):
        self.rebuilt = []
        self.silent = 0
        self.stopped = False
        self.active = SimpleNamespace(newness=self)
        self.believed = []

    def believe(self, revision, incarnation):
        self.believed.append((revision, incarnation))

    async def recover(self, run):
        if self.silent:
            self.silent -= 1
            return False
        self.rebuilt.append(run)
        return True


class Server:
    """One that is started anew when a test says so, and a coordinator at it."""

    def __init__(self, backend):
        self.server = Unflushed(backend, TAIL)
        self.restored = []
        self.failures = []
        self.clock = Clock()
        self.partition = Partition()
        self.backend = self.server.backend
        self.aftermath = self.coordinator()

    def coordinator(self, adopts=None) -> Any:
        stores = stores_of(self.backend)
        clock: Any = self.clock
        return Aftermath(stores, self._restore, adopts, clock)

    async def _restore(self):
        if self.failures:
            raise self.failures.pop()
        self.restored.append(self.server.incarnation)

    async def look(self, aftermath=None):
        """What is rebuilt then."""
        before = len(self.partition.rebuilt)
        partitions = dict.fromkeys(range(self.backend.events.partitions), self.partition)
        await (aftermath or self.aftermath).look(partitions)
        return sorted(self.partition.rebuilt[before:])


@pytest.fixture
async def server(backend):
    runs = RunStore(backend.runs)
    for run, status in (
        ("a", RunStatus.RUNNING),
        ("b", RunStatus.PENDING),
        ("c", RunStatus.WAITING_HUMAN),
        ("d", RunStatus.COMPENSATING),
        ("e", RunStatus.COMPLETED),
    ):
        await runs.index(entry(status, "w", run))
    return Server(backend)


UNFINISHED = ["a", "b", "c", "d"]
ALL = [*UNFINISHED, "e"]


async def test_all_unfinished_runs_are_rebuilt_once_after_each_start(server):
    assert await server.look() == ALL
    assert await server.look() == []

    server.server.incarnation = "second"

    assert await server.look() == ALL
    assert await server.look() == []
    assert server.restored == ["first", "second"]


async def test_who_takes_a_partition_over_knows_that_it_was_looked_at(server):
    await server.look()

    assert await server.look(server.coordinator()) == []


async def test_who_does_not_adopt_a_run_lets_it_be(server):
    assert await server.look(server.coordinator(adopts=lambda run: run == "c")) == ["c"]


async def test_a_server_that_loses_nothing_is_not_looked_at(server, backend):
    server.backend = backend

    assert await server.look(server.coordinator()) == []
    assert server.restored == []


async def test_a_run_of_which_there_is_no_answer_is_tried_again_and_ever_later(server):
    server.partition.silent = 9

    assert await server.look() == ALL
    assert len(server.clock.slept) == 9
    assert max(server.clock.slept) <= 15.0
    assert sorted(set(server.clock.slept))[:2] == [0.5, 1.0]


async def test_a_partition_that_was_given_up_meanwhile_is_left_to_the_next_owner(server):
    server.partition.stopped = True
    await server.look()
    server.partition.stopped = False

    assert await server.look(server.coordinator()) == ALL


async def test_timers_that_were_not_set_are_so_by_the_next_look(server):
    server.failures = [Unavailable("no answer")]

    with pytest.raises(Unavailable):
        await server.look()

    assert await server.look() == ALL
    assert server.restored == ["first"]


async def test_one_look_at_a_time(server):
    nested = []

    async def recover(run):
        nested.append(await server.look())
        return True

    server.partition.recover = recover
    await server.look()

    assert nested == [[]] * 5


async def test_the_record_says_after_which_start(server):
    await server.look()

    found = await server.backend.runs.read(looked_key(0))
    assert found is not None
    assert found[0] == b"first 0"
    assert server.partition.believed == [(found[1], "first")]


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


async def test_what_was_written_before_a_start_is_not_known_to_be_flushed_after_it(
    server,
):
    await server.look()
    server.server.incarnation = "second"
    server.clock.at = TAIL
    await server.look()
    server.clock.at = TAIL + 1.0
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


REJECTED = event("seq-1", EventType.REJECTED, "9")


async def published(server, run):
    return [one.type for one in await server.backend.events.history(run)]


async def test_answers_to_commands_that_began_no_run_are_published_again(server):
    # Given a rejection, and a request to a run that is gone
    events = stores_of(server.backend).backend.events
    await events.publish("seq-1", EventType.REJECTED, encode(REJECTED), REJECTED.id)
    asked = event("gone", EventType.CANCEL_REQUESTED, "8")
    await events.publish_before_end("gone", asked.type, encode(asked), asked.id)
    for run in ("seq-1", "gone"):
        await server.backend.events.drop(run)
    server.backend.events._window._seen.clear()

    await server.look()

    assert await published(server, "seq-1") == [EventType.REJECTED]
    assert await published(server, "gone") == []


async def test_what_is_flushed_is_removed_from_the_outbox(server):
    events = stores_of(server.backend).backend.events
    await events.publish("seq-1", EventType.REJECTED, encode(REJECTED), REJECTED.id)
    await server.look()
    other = event("seq-2", EventType.REJECTED, "9")
    await events.publish("seq-2", other.type, encode(other), other.id)

    server.clock.at = TAIL
    await server.look()

    assert await stores_of(server.backend).outbox.histories() == {"seq-2"}

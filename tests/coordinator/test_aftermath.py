"""After each start of the server all unfinished runs are rebuilt once, by who drives them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowworker.codec.keys import looked_key
from flowworker.coordinator.driving.aftermath import Aftermath
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.ports import Tail
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.support.listing import entry


class Clock:
    """Notes for how long somebody slept."""

    def __init__(self):
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Partition:
    """A scheduler: notes what was rebuilt; `silent` says how often the server does not answer."""

    def __init__(self):
        self.rebuilt = []
        self.silent = 0
        self.stopped = False

    async def recover(self, run):
        if self.silent:
            self.silent -= 1
            return False
        self.rebuilt.append(run)
        return True


class Server:
    """One that is started anew when a test says so, and a coordinator at it."""

    def __init__(self, backend):
        self.incarnation = "first"
        self.restored = []
        self.failures = []
        self.clock = Clock()
        self.partition = Partition()
        self.backend = replace(backend, tail=Tail(60.0, lambda: self.incarnation))
        self.aftermath = self.coordinator()

    def coordinator(self, adopts=None) -> Any:
        stores = stores_of(self.backend)
        clock: Any = self.clock
        return Aftermath(stores, self._restore, adopts, clock)

    async def _restore(self):
        if self.failures:
            raise self.failures.pop()
        self.restored.append(self.incarnation)

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


async def test_all_unfinished_runs_are_rebuilt_once_after_each_start(server):
    assert await server.look() == UNFINISHED
    assert await server.look() == []

    server.incarnation = "second"

    assert await server.look() == UNFINISHED
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

    assert await server.look() == UNFINISHED
    assert len(server.clock.slept) == 9
    assert max(server.clock.slept) <= 15.0
    assert sorted(set(server.clock.slept))[:2] == [0.5, 1.0]


async def test_a_partition_that_was_given_up_meanwhile_is_left_to_the_next_owner(server):
    server.partition.stopped = True
    await server.look()
    server.partition.stopped = False

    assert await server.look(server.coordinator()) == UNFINISHED


async def test_timers_that_were_not_set_are_so_by_the_next_look(server):
    server.failures = [Unavailable("no answer")]

    with pytest.raises(Unavailable):
        await server.look()

    assert await server.look() == UNFINISHED
    assert server.restored == ["first"]


async def test_one_look_at_a_time(server):
    nested = []

    async def recover(run):
        nested.append(await server.look())
        return True

    server.partition.recover = recover
    await server.look()

    assert nested == [[]] * 4


async def test_the_record_says_after_which_start(server):
    await server.look()

    found = await server.backend.runs.read(looked_key(0))
    assert found is not None
    assert found[0] == b"first"

"""After each start of a server that may have lost something, all unfinished runs are looked at."""

from __future__ import annotations

import pytest

from flowworker.codec.keys import looked_key
from flowworker.errors import Unavailable
from tests.coordinator.looking import ALL, with_runs


@pytest.fixture
async def server(backend):
    return await with_runs(backend)


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

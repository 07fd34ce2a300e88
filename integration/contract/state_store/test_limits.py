"""`StateStore`: large values, damaged records, many writers, and the removal of what has ended."""

from __future__ import annotations

import asyncio
import uuid

import msgspec
import pytest

from flowworker import (
    Conflict,
    CorruptRecord,
    NotFound,
    PayloadTooLarge,
)
from flowworker.codec.keys import run_key, step_key
from integration.contract.support import RUN
from tests.support.waiting import eventually


@pytest.mark.parametrize("size", [10_000, 700_000, 2_500_000])
async def test_large_values_come_back_as_they_were(store, peer, size):
    value = msgspec.json.encode({"text": "x" * size})

    await store.initialize_execution(RUN, value)
    await store.save_step_output(RUN, "a", value)

    assert await peer.get_input(RUN) == value
    assert await peer.get_step_output(RUN, "a") == value


async def test_values_beyond_the_limit_are_refused(store):
    with pytest.raises(PayloadTooLarge):
        await store.initialize_execution(RUN, msgspec.json.encode("x" * 3_000_001))

    assert await store.get_state(RUN) == {}


DAMAGED, NEWER = "stored bytes cannot be read", "written by a newer release, in version 99"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", DAMAGED),
        (b"\x00\xff", DAMAGED),
        (b"{", DAMAGED),
        (b"[1, 2]", DAMAGED),
        (b'{"v": 99}', NEWER),
    ],
)
async def test_bytes_that_cannot_be_read_are_said_to_be_so(store, raw, why):
    # Given a run and a step whose records are damaged
    await store.initialize_execution(RUN, b"{}")
    await store.save_step_output(RUN, "a", b"1")
    records = (await store.backend()).runs
    await records.put(step_key("default", RUN, "a"), raw)

    with pytest.raises(CorruptRecord, match=f"a: {why}") as caught:
        await store.get_state(RUN)
    assert caught.value.raw == raw
    with pytest.raises(CorruptRecord):
        await store.get_step_output(RUN, "a")

    await records.put(run_key(RUN), raw)
    with pytest.raises(CorruptRecord):
        await store.get_input(RUN)
    with pytest.raises(CorruptRecord):
        await store.save_state(RUN, "", "RUNNING")


async def test_a_missing_piece_of_a_large_value_is_noticed(store):
    await store.initialize_execution(RUN, msgspec.json.encode("x" * 1_500_000))
    payloads = (await store.backend()).payloads
    [second] = [key for key in await payloads.keys(">") if key.endswith(".1")]
    await payloads.put(second, b"y" * 10)

    with pytest.raises(CorruptRecord, match="digest"):
        await store.get_input(RUN)

    await payloads.purge(second)
    with pytest.raises(CorruptRecord, match="missing"):
        await store.get_input(RUN)


async def test_of_many_writers_none_is_lost(store, peer):
    await store.initialize_execution(RUN, b"{}")
    members = (store, peer)

    await asyncio.gather(
        *(members[i % 2].save_state(RUN, f"step-{i % 8}", "RUNNING") for i in range(32)),
        *(members[i % 2].save_step_output(RUN, f"step-{i % 8}", b"%d" % i) for i in range(8)),
        *(members[i % 2].save_state(RUN, "", "RUNNING") for i in range(8)),
    )

    assert await store.get_state(RUN) == {
        "": "RUNNING",
        **{f"step-{i}": "RUNNING" for i in range(8)},
    }
    outputs = [await peer.get_step_output(RUN, f"step-{i}") for i in range(8)]
    assert outputs == [b"%d" % i for i in range(8)]
    assert await peer.list_executions("RUNNING") == [RUN]
    assert await peer.list_executions("PENDING") == []


async def test_of_two_ends_one_stands(store, peer):
    await store.initialize_execution(RUN, b"{}")

    results = await asyncio.gather(
        *(
            (store, peer)[i % 2].save_state(RUN, "", ("COMPLETED", "FAILED")[i % 2])
            for i in range(10)
        ),
        return_exceptions=True,
    )

    assert {type(result) for result in results} <= {type(None), Conflict}
    state = (await store.get_state(RUN))[""]
    assert state in {"COMPLETED", "FAILED"}
    other = {"COMPLETED": "FAILED", "FAILED": "COMPLETED"}[state]
    assert await store.list_executions(state) == [RUN]
    assert await store.list_executions(other) == []


async def test_what_is_over_is_removed_when_its_time_is(store, clock):
    # Given an execution that is over, of which everything is kept, and another one
    await store.initialize_execution(RUN, msgspec.json.encode("x" * 50_000))
    await store.save_step_output(RUN, "a", b"1")
    await store.save_state(RUN, "a", "COMPLETED")
    await store.record_event_emitted(RUN, "order.paid")
    await store.save_state(RUN, "", "COMPLETED")
    await store.initialize_execution("run-2", b"{}")
    await store.set_ttl(RUN, 3600)
    assert await store.list_executions("COMPLETED") == [RUN]

    # When its time is over
    await store.set_ttl(RUN, 1)
    clock.ahead = 2

    async def gone():
        return await store.list_executions("COMPLETED") == []

    await eventually(gone)

    # Then no trace of it is left, and the other one is untouched
    assert await store.get_state(RUN) == {}
    with pytest.raises(NotFound):
        await store.get_step_output(RUN, "a")
    assert not await store.is_event_emitted(RUN, "order.paid")
    backend = await store.backend()
    assert [key for key in await backend.runs.keys(">") if RUN in key] == []
    assert await backend.payloads.keys(">") == []
    assert await store.list_executions("PENDING") == ["run-2"]


async def test_what_is_not_over_is_not_removed_before_it_is(store, clock):
    await store.initialize_execution(RUN, b"{}")
    await store.save_state(RUN, "", "RUNNING")
    await store.set_ttl(RUN, 1)
    clock.ahead = 3600

    assert await store.list_executions("RUNNING") == [RUN]
    await store.save_state(RUN, "", "CANCELLED")

    async def gone():
        return await store.get_state(RUN) == {}

    await eventually(gone)
    assert await store.list_executions("CANCELLED") == []


async def test_an_id_can_be_used_again_when_its_time_is_over(store, clock):
    await store.initialize_execution(RUN, b"1")
    await store.save_state(RUN, "", "COMPLETED")
    await store.set_ttl(RUN, 1)
    clock.ahead = 2

    await store.initialize_execution(RUN, b"2")

    assert await store.get_state(RUN) == {"": "PENDING"}
    assert await store.get_input(RUN) == b"2"


async def test_many_who_open_it_at_the_same_time_open_it_once(store):
    runs = [f"run-{uuid.uuid4().hex}" for _ in range(20)]

    await asyncio.gather(*(store.initialize_execution(run, b"{}") for run in runs))

    assert await store.list_executions("PENDING") == sorted(runs)
    assert await store.backend() is await store.backend()

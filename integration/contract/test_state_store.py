"""`StateStore`: the three of them, by the same tests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import pytest_asyncio

from flowworker import (
    Conflict,
    CorruptRecord,
    InMemStore,
    InvalidInput,
    NATSStore,
    NotFound,
    PayloadTooLarge,
    RedisStore,
    RunNotFound,
    Settings,
    StateStore,
)
from flowworker.clock import SystemClock
from flowworker.codec.keys import run_key, step_key
from flowworker.jetstream import TopologyOptions
from integration.contract.support import KEEPERS
from tests.support.waiting import eventually

RUN = "run-1"
NAMES = {"memory": "InMemStore", "jetstream": "NATSStore", "redis": "RedisStore"}
SETTINGS = Settings(inline_limit=1_000, payload_limit=3_000_000)


class MovableClock(SystemClock):
    """Can be told that time has passed."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@pytest.fixture(params=KEEPERS, ids=NAMES.get)
def keeper(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture
async def open_store(
    request: pytest.FixtureRequest, keeper: str, namespace: str, clock: MovableClock
) -> AsyncIterator[Callable[[], Awaitable[StateStore]]]:
    """Opens members of one namespace; in memory there is one store."""
    opened: list[StateStore] = []

    async def open_() -> StateStore:
        if keeper == "memory" and opened:
            return opened[0]
        match keeper:
            case "memory":
                store: StateStore = InMemStore(settings=SETTINGS, clock=clock)
            case "jetstream":
                store = NATSStore(
                    request.getfixturevalue("server").url,
                    namespace=namespace,
                    settings=SETTINGS,
                    clock=clock,
                    topology=TopologyOptions(storage="memory"),
                    create=True,
                )
            case _:
                url = request.getfixturevalue("redis_server").url
                store = RedisStore(url, namespace=namespace, settings=SETTINGS, clock=clock)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        await store.close()


@pytest_asyncio.fixture
async def store(open_store) -> StateStore:
    return await open_store()


@pytest_asyncio.fixture
async def peer(open_store, store) -> StateStore:
    return await open_store()


async def test_an_execution_that_was_initialized_is_pending(store, peer):
    await store.initialize_execution(RUN, b'{"order": 7}')

    assert await peer.get_input(RUN) == b'{"order": 7}'
    assert await peer.get_state(RUN) == {"": "PENDING"}
    assert await peer.list_executions("PENDING") == [RUN]


async def test_an_input_can_be_replaced(store):
    await store.initialize_execution(RUN, b"{}")

    await store.save_input(RUN, b'{"order": 8}')

    assert await store.get_input(RUN) == b'{"order": 8}'
    assert await store.list_executions("PENDING") == [RUN]


async def test_states_of_steps_are_kept(store, peer):
    await store.initialize_execution(RUN, b"{}")
    for step, state in (("a", "COMPLETED"), ("b.c", "RUNNING"), ("d", "FAILED"), ("e", "PENDING")):
        await store.save_state(RUN, step, state)
    await store.save_state(RUN, "d", "RETRYING")

    assert await peer.get_state(RUN) == {
        "": "PENDING",
        "a": "COMPLETED",
        "b.c": "RUNNING",
        "d": "RETRYING",
        "e": "PENDING",
    }


async def test_the_state_of_the_whole_moves_it_from_list_to_list(store, peer):
    for run in (RUN, "run-2", "run-12"):
        await store.initialize_execution(run, b"{}")
        await store.save_state(run, "", "RUNNING")

    await store.save_state("run-2", "", "COMPLETED")

    assert await peer.list_executions("RUNNING") == [RUN, "run-12"]
    assert await peer.list_executions("COMPLETED") == ["run-2"]
    assert await peer.list_executions("PENDING") == []
    assert await peer.list_executions("FAILED") == []


async def test_a_terminal_state_never_changes(store):
    await store.initialize_execution(RUN, b"{}")
    await store.save_state(RUN, "", "FAILED")
    await store.save_state(RUN, "", "FAILED")

    with pytest.raises(Conflict, match="FAILED already"):
        await store.save_state(RUN, "", "RUNNING")

    assert await store.list_executions("FAILED") == [RUN]


async def test_outputs_are_kept_beside_states(store, peer):
    await store.initialize_execution(RUN, b"{}")
    await store.save_step_output(RUN, "a", b'{"total": 3}')
    await store.save_state(RUN, "a", "COMPLETED")

    assert await peer.get_step_output(RUN, "a") == b'{"total": 3}'
    assert (await peer.get_state(RUN))["a"] == "COMPLETED"


async def test_events_are_emitted_once_recorded(store, peer):
    assert not await store.is_event_emitted(RUN, "order.paid")

    await store.record_event_emitted(RUN, "order.paid")
    await store.record_event_emitted(RUN, "order.paid")

    assert await peer.is_event_emitted(RUN, "order.paid")
    assert not await peer.is_event_emitted(RUN, "order")
    assert not await peer.is_event_emitted("run-2", "order.paid")


async def test_of_what_is_unknown_nothing_is_known(store):
    assert await store.get_state("unknown") == {}
    assert not await store.is_event_emitted("unknown", "order.paid")
    with pytest.raises(RunNotFound, match="unknown"):
        await store.get_input("unknown")
    with pytest.raises(NotFound, match="has no output"):
        await store.get_step_output("unknown", "a")
    await store.set_ttl("unknown", 1)
    assert await store.get_state("unknown") == {}


async def test_a_step_without_output_has_none(store):
    await store.initialize_execution(RUN, b"{}")
    await store.save_state(RUN, "a", "COMPLETED")

    with pytest.raises(NotFound, match="'a' of 'run-1' has no output"):
        await store.get_step_output(RUN, "a")


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.initialize_execution("run 1", b"{}"),
        lambda s: s.initialize_execution("run.1", b"{}"),
        lambda s: s.initialize_execution("", b"{}"),
        lambda s: s.initialize_execution(RUN, b"{"),
        lambda s: s.save_input(RUN, b"\xff"),
        lambda s: s.get_input("*"),
        lambda s: s.get_state(">"),
        lambda s: s.save_state(RUN, "", "DONE"),
        lambda s: s.save_state(RUN, "a", "DONE"),
        lambda s: s.save_state(RUN, "a b", "RUNNING"),
        lambda s: s.save_step_output(RUN, "a", b"nope"),
        lambda s: s.save_step_output(RUN, "*", b"1"),
        lambda s: s.get_step_output(RUN, ">"),
        lambda s: s.list_executions("DONE"),
        lambda s: s.record_event_emitted(RUN, "a b"),
        lambda s: s.is_event_emitted(RUN, "a..b"),
        lambda s: s.set_ttl(RUN, -1),
    ],
)
async def test_what_is_malformed_is_refused(store, call):
    with pytest.raises(InvalidInput):
        await call(store)

    assert await store.list_executions("PENDING") == []


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


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"{", b'{"v": 99}', b"[1, 2]"])
async def test_bytes_that_cannot_be_read_are_said_to_be_so(store, raw):
    # Given a run and a step whose records are damaged
    await store.initialize_execution(RUN, b"{}")
    await store.save_step_output(RUN, "a", b"1")
    records = (await store.backend()).runs
    await records.put(step_key("default", RUN, "a"), raw)

    with pytest.raises(CorruptRecord, match="a: stored bytes cannot be read") as caught:
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


async def test_a_store_opens_again_after_it_was_closed(store):
    async with store:
        await store.initialize_execution(RUN, b"{}")

    assert await store.get_state(RUN) == {"": "PENDING"}


async def test_many_who_open_it_at_the_same_time_open_it_once(store):
    runs = [f"run-{uuid.uuid4().hex}" for _ in range(20)]

    await asyncio.gather(*(store.initialize_execution(run, b"{}") for run in runs))

    assert await store.list_executions("PENDING") == sorted(runs)
    assert await store.backend() is await store.backend()

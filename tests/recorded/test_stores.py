"""What stands in more than one message is read by the stores, and shown as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from flowworker import EventBus, StateStore
from flowworker.client import Client
from flowworker.codec.messages import Result, decode_result
from flowworker.compat.opening import existing
from flowworker.core.payload import Stored
from flowworker.definitions import content
from flowworker.stores.stores import Stores, stores_of
from tests.recorded.fleet import SETTINGS
from tests.recorded.kinds import KINDS, REFUSED
from tests.recorded.recording import RECORDINGS, Recording
from tests.recorded.restoring import Then, restored
from tests.recorded.structs import within


def begun(recording: Recording) -> Then:
    """The time at which the first run began."""
    records = (data for key, data in recording.keys("flowworker_runs") if key.startswith("run."))
    return Then(min(msgspec.json.decode(data)["created_at"] for data in records))


def results(recording: Recording) -> dict[str, Result]:
    """By run, of those whose end was replied to somebody: the first reply."""
    replies = [each.data for each in recording.messages if each.subject.startswith("_INBOX.")]
    found = {result.id: result for result in reversed([*map(decode_result, replies)])}
    return {run: found[run] for run in recording.runs() if run in found}


@pytest.fixture(params=RECORDINGS, ids=repr)
def recording(request: pytest.FixtureRequest) -> Recording:
    found: Recording = request.param
    return found


@pytest_asyncio.fixture
async def stores(recording: Recording) -> AsyncIterator[Stores]:
    everything = [
        *recording.stored("KV_flowworker_runs"),
        *recording.stored("FLOWWORKER_EVENTS"),
    ]
    async with restored(recording, begun(recording), everything) as backend:
        yield stores_of(backend, SETTINGS)


async def test_definitions_are_found_and_hashed_as_they_were(stores: Stores, recording: Recording):
    found = recording.definitions
    names = [key.removeprefix("latest.") for key in found if key.startswith("latest.")]

    assert await stores.definitions.names() == sorted(names)
    for name in names:
        plan = await stores.definitions.latest(name)
        assert plan.hash.encode() == found[f"latest.{name}"]
        assert content.content_hash(plan.workflow) == plan.hash
        kept = found[f"def.{plan.hash}"]
        if name != "lengthy":  # which stands in chunks
            assert content.encode(plan.workflow) == kept
    assert b"stored" in found[f"def.{(await stores.definitions.latest('lengthy')).hash}"]


async def test_payloads_are_whole(stores: Stores, recording: Recording):
    named = {
        value.key: value
        for kind in KINDS
        for each in recording.messages
        if kind.has(each) and each.subject != REFUSED
        for value in within(kind.read(each))
        if isinstance(value, Stored)
    }

    assert {key.rpartition(".")[0] for key, _ in recording.keys("flowworker_payloads")} == {*named}
    for stored_value in named.values():
        assert msgspec.json.decode(await stores.payloads.read(stored_value))


NEVER_BEGUN = ("workflow.cancel_requested", "CANCELLED")


async def test_runs_are_shown_with_their_results(stores: Stores, recording: Recording):
    client = Client(stores, begun(recording))
    expected = results(recording)

    assert len(expected) > 20
    for run, reply in expected.items():
        shown, history = await client.status(run), await client.history(run)
        result = await client.result(run)
        assert (shown.id, str(shown.status), result.error) == (run, reply.status, reply.error)
        assert str(result.status) == reply.status
        begun_at = 1 if history[0]["type"] == "workflow.scheduled" else 0
        began = history[begun_at]["type"]  # unless another one took its place before that
        assert began == "workflow.started" or (began, reply.status) == NEVER_BEGUN
        assert history[-1]["type"] == f"workflow.{reply.status.lower()}"
        for step, payload in reply.output.items():
            value = msgspec.json.decode(await stores.payloads.load(payload, run, step))
            assert result.output[step] == value


async def test_an_execution_that_was_checkpointed_is_read(stores: Stores, recording: Recording):
    run = "checkpointed-1"
    store = StateStore(existing(stores), clock=begun(recording))

    assert await store.get_input(run) == b'{"order":7}'
    assert await store.get_state(run) == {
        "": "COMPLETED",
        "first": "COMPENSATED",
        "second": "SKIPPED",
        "third": "CANCELLED",
    }
    assert await store.get_step_output(run, "first") == b'{"done":true}'
    assert await store.is_event_emitted(run, "order.paid")
    assert not await store.is_event_emitted(run, "order.shipped")
    keys = {key for key, _ in recording.keys("flowworker_runs")}
    assert await store.list_executions("COMPLETED") == sorted(
        key.rpartition(".")[2] for key in keys if key.startswith("index.COMPLETED.")
    )


async def test_what_was_published_is_received_on_a_bus(stores: Stores, recording: Recording):
    emitted = {"order.paid", "shop.opened"}
    published = [each for each in recording.messages if each.subject in emitted]
    bus = EventBus(existing(stores))
    shop, orders = await bus.subscribe("shop"), await bus.subscribe("order")
    for each in published:
        await stores.backend.notifier.publish(each.subject, each.data)

    received = {each.id: each async for each in _first(shop, 2)}
    received |= {each.id: each async for each in _first(orders, 2)}

    assert len(published) == len(received) == 4
    for each in published:
        body = msgspec.json.decode(each.data)
        event = received[body["id"]]
        assert (event.subject, event.payload) == (each.subject, body["data"])
        assert event.trace_id == body.get("traceparent", "")
    assert any(each.trace_id for each in received.values())


async def _first(events: AsyncIterator[Any], number: int) -> AsyncIterator[Any]:
    for _ in range(number):
        yield await anext(events)

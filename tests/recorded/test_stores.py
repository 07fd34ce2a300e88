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
from flowworker.core.payload import Inline, Stored
from flowworker.definitions import content
from flowworker.stores.stores import Stores, stores_of
from tests.recorded.fleet import SETTINGS
from tests.recorded.kinds import KINDS
from tests.recorded.recording import keys, messages, runs, stored
from tests.recorded.restoring import Then, restored
from tests.recorded.test_v1 import REFUSED, within

BEGUN = min(
    msgspec.json.decode(data)["created_at"]
    for key, data in keys("flowworker_runs")
    if key.startswith("run.")
)


def results() -> dict[str, Result]:
    """By run, of those whose end somebody was told: what was told first."""
    replies = [each.data for each in messages() if each.subject.startswith("_INBOX.")]
    found = {result.id: result for result in reversed([*map(decode_result, replies)])}
    return {run: found[run] for run in runs() if run in found}


@pytest_asyncio.fixture
async def stores() -> AsyncIterator[Stores]:
    everything = [*stored("KV_flowworker_runs"), *stored("FLOWWORKER_EVENTS")]
    async with restored(Then(BEGUN), everything) as backend:
        yield stores_of(backend, SETTINGS)


async def test_definitions_are_found_and_hashed_as_they_were(stores: Stores):
    found = dict(keys("flowworker_definitions"))
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


async def test_payloads_are_whole(stores: Stores):
    named = {
        value.key: value
        for kind in KINDS
        for each in messages()
        if kind.has(each) and each.subject != REFUSED
        for value in within(kind.read(each))
        if isinstance(value, Stored)
    }

    assert {key.rpartition(".")[0] for key, _ in keys("flowworker_payloads")} == {*named}
    for stored_value in named.values():
        assert msgspec.json.decode(await stores.payloads.load(stored_value))


@pytest.mark.parametrize("expected", results().values(), ids=results())
async def test_a_run_is_shown_with_its_result(stores: Stores, expected: Result):
    client, run = Client(stores, Then(BEGUN)), expected.id

    shown, history = await client.status(run), await client.history(run)
    result = await client.result(run)

    assert shown.id == run
    assert str(shown.status) == str(result.status) == str(expected.status)
    assert history[0]["type"] == "workflow.started"
    assert history[-1]["type"] == f"workflow.{expected.status.lower()}"
    assert result.error == expected.error
    if not expected.partial:
        for step, payload in expected.output.items():
            assert result.output[step] == await value_of(stores, payload)


async def value_of(stores: Stores, payload: Inline | Stored) -> Any:
    return msgspec.json.decode(await stores.payloads.load(payload))


async def test_an_execution_that_was_checkpointed_is_read(stores: Stores):
    run = "checkpointed-1"
    store = StateStore(existing(stores), clock=Then(BEGUN))

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
    assert await store.list_executions("COMPLETED") == sorted(
        each.rpartition(".")[2]
        for each, _ in keys("flowworker_runs")
        if each.startswith("index.COMPLETED.")
    )


async def test_what_was_told_is_heard_on_a_bus(stores: Stores):
    told = [each for each in messages() if each.subject in {"order.paid", "shop.opened"}]
    bus = EventBus(existing(stores))
    shop, orders = await bus.subscribe("shop"), await bus.subscribe("order")
    for each in told:
        await stores.backend.notifier.publish(each.subject, each.data)

    heard = {each.id: each async for each in _first(shop, 2)}
    heard |= {each.id: each async for each in _first(orders, 2)}

    assert len(told) == len(heard) == 4
    for each in told:
        body = msgspec.json.decode(each.data)
        event = heard[body["id"]]
        assert (event.subject, event.payload) == (each.subject, body["data"])
        assert event.trace_id == body.get("traceparent", "")
    assert any(each.trace_id for each in heard.values())


async def _first(events: AsyncIterator[Any], number: int) -> AsyncIterator[Any]:
    for _ in range(number):
        yield await anext(events)

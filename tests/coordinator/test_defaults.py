"""Defaults of an `input_schema` are filled in before anything is checked or stored."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.starts import Starts
from flowworker.core.model import Step, Workflow
from flowworker.errors import InvalidInput, RunIdTaken
from flowworker.stores.sealing import INPUT
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import coordinated, parts_of

SCHEMA = {
    "type": "object",
    "required": ["size", "to"],
    "properties": {
        "size": {"type": "integer", "default": 3},
        "to": {"type": "object", "properties": {"country": {"default": "DE"}}},
    },
}
FULL = {"size": 3, "to": {"country": "DE"}}
RUN = "r1"


@pytest.fixture
async def stored(backend, client):
    """Starts a run, and reads its input."""
    await client.register(Workflow("one", (Step("a", "h"),), input_schema=SCHEMA))
    coordinator = await coordinated(backend)
    stores = stores_of(backend)

    async def stored(value, run=RUN):
        await client.start("one", value, run_id=run)
        await client.status(run)
        found = await stores.runs.load(run)
        assert found is not None
        record, _ = found
        return record, await stores.payloads.load(record.input, run, INPUT)

    yield stored
    await coordinator.stop()


async def test_what_a_start_leaves_out_is_stored_as_if_it_had_said_so(stored):
    record, raw = await stored({"to": {}})
    assert raw == b'{"to":{"country":"DE"},"size":3}'
    assert record.sent


async def test_what_leaves_nothing_out_is_stored_as_it_came(stored):
    record, raw = await stored(FULL)
    assert raw == b'{"size":3,"to":{"country":"DE"}}'
    assert not record.sent


async def test_what_is_checked_is_what_was_filled_in(stored, client):
    with pytest.raises(InvalidInput, match='"to" is a required property'):
        await stored({})
    with pytest.raises(InvalidInput, match="is not of type"):
        await stored({"to": {}, "size": "x"}, "r2")


@pytest.mark.parametrize("first", [{"to": {}}, {"size": 3, "to": {}}, FULL])
@pytest.mark.parametrize("second", [{"to": {}}, {"size": 3, "to": {}}, FULL])
async def test_starts_are_the_same_if_they_are_filled_to_the_same(stored, client, first, second):
    await stored(first)
    again = await client.start("one", second, run_id=RUN)
    assert again == RUN
    with pytest.raises(RunIdTaken):
        await client.start("one", {"size": 4, "to": {}}, run_id=RUN)


@pytest.mark.parametrize("again", [b'{"to":{}}', b'{"to": {"country":"DE"}, "size":3}'])
async def test_the_same_start_from_elsewhere_is_answered_by_the_run(stored, backend, again):
    await stored({"to": {}})
    stores, clock = stores_of(backend), ManualClock()
    starts = Starts(stores, parts_of(stores, clock).gate, clock, Metrics(CollectorRegistry()))

    async def take(body):
        headers = {"Nats-Msg-Id": RUN}
        await starts.take(
            "one",
            SimpleNamespace(headers=headers, data=body, sequence=9, time=0.0, delivered=1),
        )

    await take(again)
    with pytest.raises(Rejected, match="with another input"):
        await take(b'{"to":{},"size":4}')


async def test_defaults_without_an_end_are_refused(backend, client):
    schema: dict[str, Any] = {"$defs": {"s20": {}}, "$ref": "#/$defs/s0"}
    for level in range(20):
        below = {"$ref": f"#/$defs/s{level + 1}", "default": {}}
        schema["$defs"][f"s{level}"] = {"properties": {"a": below, "b": {**below}}}
    await client.register(Workflow("one", (Step("a", "h"),), input_schema=schema))
    coordinator = await coordinated(backend)
    await client.start("one", {}, run_id=RUN)
    with pytest.raises(InvalidInput, match="more than 10,000 defaults"):
        await client.result(RUN, 5)
    await coordinator.stop()

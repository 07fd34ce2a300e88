"""What a start message is made of, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import msgspec
import pytest

from flowworker.client.starting import encode_input, new_run_id
from flowworker.codec.messages import FLOW_PRIORITY, FLOW_REPLY, MSG_ID
from flowworker.codec.subjects import CommandLane
from flowworker.errors import InvalidInput, PayloadTooLarge
from flowworker.ports import Backend


@dataclass
class Order:
    id: int


def test_generated_ids_are_uuid7_and_sort_by_time():
    ids = [new_run_id(1_700_000_000.0 + n / 1000) for n in range(1000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    first = uuid.UUID(ids[0])
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 == 1_700_000_000_000


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (None, b"{}"),
        ({}, b"{}"),
        ({"a": [1, None]}, b'{"a":[1,null]}'),
        (Order(7), b'{"id":7}'),
        (msgspec.Raw(b'{"big": 123456789012345678901234567890}'), None),
    ],
)
def test_inputs_become_json_objects(value, body):
    assert encode_input(value, 10_000) == (body or bytes(value))


@pytest.mark.parametrize("value", [[], "x", 7, True, object(), {"a": object()}, {(1, 2): 3}])
def test_what_is_no_json_object_is_refused(value):
    with pytest.raises(InvalidInput):
        encode_input(value, 10_000)


def test_an_input_that_contains_itself_is_refused():
    value: dict = {}
    value["self"] = value

    with pytest.raises(InvalidInput):
        encode_input(value, 10_000)


def test_an_input_above_the_limit_is_refused_with_both_sizes():
    with pytest.raises(PayloadTooLarge, match=r"20,008 bytes.*10,000"):
        encode_input({"a": "x" * 20_000}, 10_000)


@pytest.mark.parametrize("run_id", ["", "a.b", "a b", "*", "x" * 129, "ü"])
async def test_bad_run_ids_are_refused(client, run_id):
    with pytest.raises(InvalidInput, match="run id"):
        await client.start("order.fulfil", {}, run_id=run_id)


@pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "a.*", ">", "x" * 129])
async def test_bad_workflow_names_are_refused(client, name):
    with pytest.raises(InvalidInput, match="workflow name"):
        await client.start(name, {})


async def test_an_unknown_priority_is_refused(client):
    with pytest.raises(InvalidInput, match="high, normal, low; found 'urgent'"):
        await client.start("order.fulfil", {}, priority="urgent")


async def test_a_start_message_says_all_that_the_contract_wants(client, backend: Backend):
    deliveries: asyncio.Queue = asyncio.Queue()
    consumer = await backend.commands.consume(CommandLane.STARTS, deliveries.put_nowait)
    consumer.grant(1)

    run = await client.start("order.fulfil", {"order": 1}, run_id="run-1", priority="high")
    delivery = await deliveries.get()

    assert run == "run-1"
    assert delivery.subject == "start.order.fulfil"
    assert delivery.data == b'{"order":1}'
    assert delivery.headers[MSG_ID] == "run-1"
    assert delivery.headers[FLOW_PRIORITY] == "high"
    assert delivery.headers[FLOW_REPLY].startswith("_INBOX.")
    assert delivery.headers[FLOW_REPLY].endswith(".run-1")
    await consumer.stop()

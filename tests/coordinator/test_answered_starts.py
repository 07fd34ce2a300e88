"""Start messages for a run that there is, large ones, and what is asked of an input."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_INPUT, STORED, decode_result
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.starts import Starts
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.coordinator.support import parts_of

RUN = "r1"


class HeldPayloads(PayloadStore):
    """What is stored; reading it waits until it may."""

    def __init__(self, records):
        super().__init__(records, Settings())
        self.may = asyncio.Event()
        self.may.set()

    async def read(self, payload):
        await self.may.wait()
        return await super().read(payload)


class Door:
    """Takes start messages in as a coordinator does, one by one."""

    def __init__(self, backend):
        self.runs = RunStore(backend.runs)
        self.clock = ManualClock()
        self.payloads = HeldPayloads(backend.payloads)
        self._sequence = 0
        stores = dataclasses.replace(stores_of(backend), payloads=self.payloads)
        self._starts = Starts(
            stores, parts_of(stores, self.clock).gate, self.clock, Metrics(CollectorRegistry())
        )

    def message(self, body=b"{}", *, run=RUN, age=0.0, **headers):
        self._sequence += 1
        headers = {"Nats-Msg-Id": run, **headers}
        return SimpleNamespace(
            headers={name.replace("_", "-"): value for name, value in headers.items() if value},
            data=body,
            sequence=self._sequence,
            time=self.clock.now() - age,
            delivered=1,
        )

    def naming(self, stored, **how):
        return self.message(encode(stored), **how, **{FLOW_INPUT: STORED})

    async def take(self, message):
        await self._starts.take("one", message)

    async def end(self):
        found = await self.runs.load(RUN)
        assert found is not None
        record, revision = found
        ended = replace(record, status=RunStatus.COMPLETED)
        await self.runs.save(ended, revision)
        await self.runs.relist(ended)


@pytest.fixture
async def door(backend, client):
    await client.register(Workflow("one", (Step("a", "h"),)))
    return Door(backend)


@pytest.fixture
async def replies(backend):
    found = []
    await backend.notifier.subscribe("_INBOX.me", lambda _at, data: found.append(data))
    return found


async def test_large_inputs_are_in_memory_by_twos_and_hold_up_no_small_one(door):
    uploads = [await door.payloads.upload(f"r{n}", "input", b'{"n": 1}') for n in range(3)]
    door.payloads.may.clear()
    first, second, third = (door.naming(stored, run=f"r{n}") for n, stored in enumerate(uploads))
    inflight = [asyncio.create_task(door.take(each)) for each in (first, second)]
    await settle()

    with pytest.raises(NotYet):
        await door.take(third)
    await door.take(door.message(run="small"))

    assert await door.runs.load("small")
    door.payloads.may.set()
    await asyncio.gather(*inflight)
    await door.take(third)
    assert await door.runs.load("r2")


@pytest.mark.parametrize("ended", [True, False])
async def test_a_second_start_is_replied_to_at_once_if_the_run_is_over(door, replies, ended):
    await door.take(door.message())
    if ended:
        await door.end()

    await door.take(door.message(Flow_Reply="_INBOX.me"))
    await settle()

    assert [decode_result(data).id for data in replies] == ([RUN] if ended else [])


async def test_a_second_start_that_asks_for_no_reply_gets_none(door, replies):
    await door.take(door.message(Flow_Reply="_INBOX.me"))
    await door.end()

    await door.take(door.message())
    await settle()

    assert replies == []


async def test_a_redelivered_start_of_a_run_that_is_over_changes_nothing(backend, door):
    async def stored():
        return {key: await backend.runs.read(key) for key in await backend.runs.keys(">")}

    message = door.message()
    await door.take(message)
    await door.end()
    before = await stored()

    await door.take(message)

    assert await stored() == before


async def test_a_second_start_with_the_same_bytes_is_the_same_though_they_are_gone(door):
    stored = await door.payloads.upload(RUN, "input", b'{"text": "%s"}' % (b"x" * 10_000))
    await door.take(door.naming(stored))
    await door.payloads.drop(stored)

    await door.take(door.naming(stored))

    assert await door.runs.load(RUN)


async def test_a_second_start_that_was_answered_and_comes_again_is_not_rejected(door):
    # Given one that says the same in other bytes, and was answered
    await door.take(door.message(b'{"n":1}'))
    stored = await door.payloads.upload(RUN, "input", b'{ "n": 1 }')
    message = door.naming(stored)
    await door.take(message)
    await door.payloads.drop(stored)

    # When it comes again, since its acknowledgement was lost
    message.delivered = 2
    await door.take(message)

    # But one that never was there is rejected
    with pytest.raises(Rejected, match="chunk 0 is missing"):
        await door.take(door.naming(stored))


@pytest.mark.parametrize("sequence", [1, 2])
async def test_only_what_was_kept_for_a_second_start_is_dropped(backend, door, sequence):
    large = encode({"text": "x" * 100_000})
    await door.take(door.message(large))
    kept = await backend.payloads.keys(">")
    second = door.message(large)
    second.sequence, second.time = sequence, second.time + 60.0  # 1: of a commands stream made anew

    await door.take(second)

    assert len(kept) == 1
    assert await backend.payloads.keys(">") == kept


async def test_a_run_of_a_stream_that_is_gone_is_not_taken_for_this_one(door):
    message = door.message(run="")
    await door.take(message)

    message.time += 1.0
    with pytest.raises(Rejected, match="by a run of an older commands stream"):
        await door.take(message)


@pytest.mark.parametrize(
    ("age", "delivered", "error"),
    [
        (0.0, 1, Rejected),
        (0.0, 2, Unavailable),
        (20.0, 1, Unavailable),  # this process was held up, and others had it meanwhile
        (3600.0, 1, Rejected),
        (3600.0, 2, Rejected),
    ],
)
async def test_what_is_refused_may_have_been_taken_in_before(door, age, delivered, error):
    message = door.message(b"[]", age=age)
    message.delivered = delivered

    with pytest.raises(error):
        await door.take(message)


async def test_an_input_is_judged_as_the_workflow_says_by_now(door, client):
    for number, key in enumerate("ab"):
        schema = {"required": [key]}
        await client.register(Workflow("one", (Step("a", "h"),), input_schema=schema))
        await door.take(door.message(encode({key: 1}), run=f"r{number}"))

    with pytest.raises(Rejected, match='"b" is a required property'):
        await door.take(door.message(b'{"a": 1}', run="r2"))


@pytest.mark.parametrize("size", [1, 1_000_000])
async def test_what_may_take_long_to_judge_is_judged_in_a_thread(door, client, monkeypatch, size):
    schema = {"properties": {"a": {"items": {"type": "integer"}}}}
    await client.register(Workflow("one", (Step("a", "h"),), input_schema=schema))
    beside = []

    async def to_thread(check, value):
        beside.append(value)
        check(value)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)

    await door.take(door.message(encode({"a": [1] * size})))

    assert len(beside) == (size > 1)

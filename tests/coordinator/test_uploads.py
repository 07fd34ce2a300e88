"""Inputs and answers that do not fit a message: uploaded, named, taken over, refused."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from flowworker.client import Client
from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_INPUT, STORED
from flowworker.coordinator.commands import lateness, starts
from flowworker.core.event_types import EventType
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import Stored
from flowworker.errors import InvalidInput, RunIdTaken, Unavailable
from flowworker.settings import Settings
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.coordinator.support import coordinated
from tests.support.histories import bodies
from tests.support.waiting import eventually

LARGE = {"text": "x" * 3_000_000}
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


@pytest.fixture
async def coordinator(backend, client):
    await client.register(Workflow("one", (Step("a", "h"),), input_schema=SCHEMA))
    coordinator = await coordinated(backend)
    yield coordinator
    await coordinator.stop()


@pytest.fixture
def no_window(backend, monkeypatch):
    """The stream takes an id again at once, as it does after ten seconds."""
    monkeypatch.setattr(backend.commands._window, "_seconds", 0.0)


@pytest.fixture
def late(monkeypatch):
    """No answer is stale: it is a minute later."""
    monkeypatch.setattr(lateness, "may_be_unseen", lambda *_: False)


async def record_of(backend, run):
    async def known():
        return await RunStore(backend.runs).load(run)

    await eventually(known)
    return (await known())[0]


async def reason_of(backend, run):
    async def reported():
        events = [json.loads(raw) for raw in await bodies(backend.events, run)]
        return [e["data"]["reason"] for e in events if e["type"] == EventType.REJECTED]

    await eventually(reported)
    (reason,) = await reported()
    return reason


async def test_a_rejected_start_takes_nothing_from_one_of_the_same_id_and_input(
    backend, client, coordinator, no_window, late, monkeypatch
):
    # Given a start that is rejected when it comes again, and another one just before its removal
    body, headers = encode({"text": "x" * 10_000}), {"Nats-Msg-Id": "r1"}
    forget = PayloadStore.forget

    async def crossed(self, *arguments):
        monkeypatch.setattr(PayloadStore, "forget", forget)
        await backend.commands.send("start.one", body, headers)
        await record_of(backend, "r1")
        await forget(self, *arguments)

    monkeypatch.setattr(PayloadStore, "forget", crossed)
    failing = [Unavailable("no answer")]
    latest = DefinitionStore.latest

    async def unreachable(self, name):
        if failing:
            raise failing.pop()
        return await latest(self, name)

    monkeypatch.setattr(DefinitionStore, "latest", unreachable)

    await backend.commands.send("start.unknown", body, headers)
    record = await record_of(backend, "r1")
    await acknowledged(backend)

    assert await PayloadStore(backend.payloads, Settings()).read(record.input) == body


async def test_a_second_start_leaves_no_copy_of_its_input(backend, client, coordinator, no_window):
    body, headers = encode({"text": "x" * 10_000}), {"Nats-Msg-Id": "r1"}
    for _ in range(2):
        await backend.commands.send("start.one", body, headers)
        await acknowledged(backend)

    record = await record_of(backend, "r1")
    assert await backend.payloads.keys(">") == [f"{record.input.key}.0"]


async def acknowledged(backend):
    async def none_waits():
        return await backend.commands.waiting() is None

    await eventually(none_waits)


async def started(backend, run, stored, form=STORED):
    await backend.commands.send("start.one", encode(stored), {"Nats-Msg-Id": run, FLOW_INPUT: form})


@pytest.mark.usefixtures("coordinator")
async def test_an_input_above_one_message_starts_a_run_and_its_upload_is_dropped(backend, client):
    run = await client.start("one", LARGE)

    kept = (await record_of(backend, run)).input
    assert isinstance(kept, Stored)
    assert kept.key.startswith(f"{run}.coordinator.input.")
    assert json.loads(await PayloadStore(backend.payloads, Settings()).read(kept)) == LARGE
    await acknowledged(backend)
    assert {key.split(".")[2] for key in await backend.payloads.keys(">")} == {"input"}


async def test_a_small_input_is_its_message_and_nothing_is_stored(backend, client):
    await client.start("one", {"text": "x" * 1_000_000})

    assert await backend.payloads.keys(">") == []


@pytest.mark.usefixtures("coordinator", "no_window")
async def test_a_second_start_is_compared_by_content(backend, client):
    run = await client.start("one", LARGE, run_id="r1")
    await record_of(backend, run)

    assert await client.start("one", LARGE, run_id=run) == run
    with pytest.raises(RunIdTaken, match="another input"):
        await client.start("one", {"text": "y" * 3_000_000}, run_id=run)
    payloads = PayloadStore(backend.payloads, Settings())
    await started(
        backend, run, await payloads.upload(run, "input", json.dumps(LARGE, indent=1).encode())
    )
    await started(backend, run, other := await payloads.upload(run, "input", b'{"text": "y"}'))

    assert "another input" in await reason_of(backend, "seq-000000000004")
    await acknowledged(backend)
    assert other.key.startswith(f"{run}.upload.")
    assert {key.split(".")[2] for key in await backend.payloads.keys(">")} == {"input"}
    assert await bodies(backend.events, "seq-000000000003") == []


@pytest.mark.usefixtures("coordinator")
async def test_an_input_that_is_refused_leaves_nothing(backend, client):
    run = await client.start("one", {"text": ["x" * 3_000_000]})

    assert "input_schema" in await reason_of(backend, run)
    await acknowledged(backend)
    assert await backend.payloads.keys(">") == []


@pytest.mark.usefixtures("coordinator", "late")
@pytest.mark.parametrize(
    "key",
    [
        "other.coordinator.input.0",
        "other.upload.0.0",
        "r1.coordinator.input.0",
        "r1.upload.",
        "r1.upload.>",
        "*",
    ],
)
async def test_nobody_can_name_what_is_no_upload_of_this_run(backend, key):
    await started(backend, "r1", Stored(key, 2, "0" * 64))

    assert "an upload of this very run" in await reason_of(backend, "r1")


@pytest.mark.usefixtures("coordinator", "late")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 10**9}, "exceed the limit of 67,108,864 bytes"),
        ({"size": -1}, "exceed the limit"),
        ({"size": 3}, "size or digest do not match"),
        ({"digest": "0" * 64}, "size or digest do not match"),
        ({"digest": "x"}, "no SHA-256"),
        ({"key": "r1.upload.gone"}, "chunk 0 is missing"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_one_rejection(backend, change, reason):
    stored = await PayloadStore(backend.payloads, Settings()).upload("r1", "input", b"{}")

    await started(backend, "r1", replace(stored, **change))

    assert reason in await reason_of(backend, "r1")


@pytest.mark.usefixtures("coordinator")
@pytest.mark.parametrize(("form", "reason"), [("gzip", "unknown"), (STORED, "no reference")])
async def test_other_forms_are_refused(backend, form, reason):
    await started(backend, "r1", {"order": 1}, form)

    assert reason in await reason_of(backend, "r1")


@pytest.mark.usefixtures("coordinator")
async def test_what_is_not_there_may_be_a_stale_answer(backend, monkeypatch):
    read, answers = PayloadStore.read, []

    async def first_stale(store, payload):
        answers.append(payload)
        shown = replace(payload, key="r1.upload.0") if len(answers) == 1 else payload
        return await read(store, shown)

    monkeypatch.setattr(PayloadStore, "read", first_stale)
    stored = await PayloadStore(backend.payloads, Settings()).upload("r1", "input", b"{}")

    await started(backend, "r1", stored)

    await record_of(backend, "r1")
    assert len(answers) == 2


@pytest.mark.usefixtures("coordinator")
async def test_a_redelivered_start_needs_its_upload_no_more(backend, client, monkeypatch):
    discard = starts.Starts.discard
    died: list[bool] = []

    async def dying(self, delivery):
        await discard(self, delivery)
        if not died:
            died.append(True)
            raise Unavailable("the coordinator dies here, for all that others see")

    monkeypatch.setattr(starts.Starts, "discard", dying)

    run = await client.start("one", LARGE)

    await acknowledged(backend)
    types = [json.loads(raw)["type"] for raw in await bodies(backend.events, run)]
    assert died
    assert EventType.REJECTED not in types


async def test_a_client_keeps_the_limit_on_payloads(backend):
    client = Client(stores_of(backend, Settings(payload_limit=2_000_000)))

    with pytest.raises(InvalidInput, match="2,000,000"):
        await client.start("one", LARGE)
    assert await backend.payloads.keys(">") == []

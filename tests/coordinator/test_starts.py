"""Start messages: what is let in, and what of it might do harm later."""

from __future__ import annotations

import json

import pytest

from flowworker.core.commands import EventType
from flowworker.core.model import Step, Workflow
from flowworker.definitions import input as input_module
from flowworker.stores.runs import RunStore
from tests.coordinator.support import coordinated, until

RUN = "r1"


@pytest.fixture
async def coordinator(backend, client):
    await client.register(Workflow("one", (Step("a", "h"),)))
    coordinator = await coordinated(backend)
    yield coordinator
    await coordinator.stop()


async def outcome(backend, body=b"{}", **headers):
    """The run's record, or why there is none."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    await backend.commands.send("start.one", body, {"Nats-Msg-Id": RUN, **headers})

    async def known():
        found = await RunStore(backend.runs).load(RUN)
        events = [json.loads(raw) for raw in await backend.events.history(RUN)]
        reasons = [e["data"]["reason"] for e in events if e["type"] == EventType.REJECTED]
        return found[0] if found else "".join(reasons)

    await until(known)
    return await known()


@pytest.mark.parametrize(
    "reply_to",
    ["_INBOX.>", "_INBOX.*", "_INBOX.a b", "_INBOX..a", "_INBOX.", "_INBOX." + 9999 * "a"],
)
async def test_nobody_can_publish_to_such_a_subject(backend, coordinator, reply_to):
    reason = await outcome(backend, Flow_Reply=reply_to)

    assert reason.startswith("Flow-Reply '_INBOX.")


async def test_an_inbox_is_replied_to(backend, coordinator):
    record = await outcome(backend, Flow_Reply="_INBOX.Zx9.1")

    assert record.reply_to == "_INBOX.Zx9.1"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("00-1-2-01", "00-1-2-01"), ("", ""), ("a\rb", ""), ("a b", ""), (999 * "a", "")],
)
async def test_a_trace_context_that_cannot_be_passed_on_is_left_out(
    backend, coordinator, sent, kept
):
    record = await outcome(backend, traceparent=sent)

    assert record.trace == kept


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b'{"a":[', b"]}")])
async def test_an_input_is_no_deeper_than_everybody_can_read(
    backend, coordinator, opening, closing
):
    levels = 256 // len(closing)

    reason = await outcome(backend, (levels + 1) * opening + b"1" + (levels + 1) * closing)

    assert reason == "input: nested deeper than 256 levels"
    assert not await RunStore(backend.runs).load(RUN)


async def test_an_input_that_takes_for_ever_to_judge_holds_up_nobody(
    backend, client, coordinator, monkeypatch
):
    monkeypatch.setattr(input_module, "TIME_LIMIT", 1.0)
    same = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/tree"}}] * 2}
    schema = {"properties": {"tree": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": same}}
    await client.register(Workflow("tree", (Step("a", "h"),), input_schema=schema))
    deep = b'{"tree":' + b"[" * 60 + b"1" + b"]" * 60 + b"}"

    await backend.commands.send("start.tree", deep, {"Nats-Msg-Id": "slow"})
    assert await outcome(backend)
    assert not await backend.events.history("slow")

    async def rejected():
        return [json.loads(raw)["data"] for raw in await backend.events.history("slow")]

    await until(rejected)
    (reason,) = (data["reason"] for data in await rejected())
    assert reason.endswith("$: cannot be checked within 1 s")

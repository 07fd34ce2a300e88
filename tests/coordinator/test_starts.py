"""Start messages: what is let in, and what of it might do harm later."""

from __future__ import annotations

import json

import pytest

from flowworker.codec.trace import new_trace
from flowworker.coordinator.commands import lateness
from flowworker.core.event_types import EventType
from flowworker.core.ids import run_id_of_sequence
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.definitions import input as input_module
from flowworker.errors import Unavailable
from flowworker.stores.runs import RunStore
from tests.coordinator.support import coordinated
from tests.support.histories import bodies
from tests.support.waiting import eventually

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
        events = [json.loads(raw) for raw in await bodies(backend.events, RUN)]
        reasons = [e["data"]["reason"] for e in events if e["type"] == EventType.REJECTED]
        return found[0] if found else "".join(reasons)

    await eventually(known)
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


async def test_a_run_goes_on_with_the_trace_of_its_start(backend, coordinator):
    sent = f"00-{32 * 'a'}-{16 * 'b'}-01"

    record = await outcome(backend, traceparent=sent, tracestate="vendor=x")

    assert (record.trace, record.trace_state) == (sent, "vendor=x")


@pytest.mark.parametrize("sent", ["", "00-1-2-01", "a\rb", 999 * "a"])
async def test_a_start_without_a_trace_begins_one(backend, coordinator, sent):
    record = await outcome(backend, traceparent=sent, tracestate="vendor=x")

    assert record.trace == str(new_trace(backend.namespace, record.run, record.origin))
    assert record.trace_state == ""


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b'{"a":[', b"]}")])
async def test_an_input_is_no_deeper_than_everybody_can_read(
    backend, coordinator, opening, closing
):
    levels = 256 // len(closing)

    reason = await outcome(backend, (levels + 1) * opening + b"1" + (levels + 1) * closing)

    assert reason == "input: nested deeper than 256 levels"
    assert not await RunStore(backend.runs).load(RUN)


@pytest.mark.slow  # a process of its own has a second for it
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
    assert not await bodies(backend.events, "slow")

    async def rejected():
        return [json.loads(raw)["data"] for raw in await bodies(backend.events, "slow")]

    await eventually(rejected)
    (reason,) = (data["reason"] for data in await rejected())
    assert reason.endswith("$: cannot be checked within 1 s")


@pytest.fixture
def no_window(backend, monkeypatch):
    """The stream takes an id again at once, as it does after ten seconds."""
    monkeypatch.setattr(backend.commands._window, "_seconds", 0.0)


STRICT = Workflow("one", (Step("a", "h"),), input_schema={"required": ["never"]})


async def rejections(backend, run):
    events = [json.loads(raw) for raw in await bodies(backend.events, run)]
    return [event["data"] for event in events if event["type"] == EventType.REJECTED]


async def again(backend, body=b"{}", workflow="one", **headers):
    """A second start with the same id; where its rejection would stand."""
    sequence = await backend.commands.send(
        f"start.{workflow}", body, {"Nats-Msg-Id": RUN, **headers}
    )
    return run_id_of_sequence(sequence)


async def test_a_run_goes_on_whose_start_would_be_refused_by_now(
    backend, client, coordinator, monkeypatch
):
    index = RunStore.index
    failed: list[bool] = []

    async def failing_once(store, *args):
        if not failed:
            failed.append(True)
            await client.register(STRICT)
            raise Unavailable("the coordinator dies here, for all that others see")
        await index(store, *args)

    monkeypatch.setattr(RunStore, "index", failing_once)
    await outcome(backend)

    async def listed():
        return await RunStore(backend.runs).list(RunStatus.RUNNING)

    await eventually(listed)
    assert failed
    assert await rejections(backend, RUN) == []


async def test_a_start_that_is_refused_in_the_end_leaves_no_input_behind(
    backend, client, coordinator, monkeypatch
):
    save = RunStore.save
    failed: list[str] = []

    async def failing_once(store, *args):
        if not failed:
            failed.extend(await backend.payloads.keys(">"))
            await client.register(STRICT)
            raise Unavailable("the coordinator dies here, for all that others see")
        return await save(store, *args)

    monkeypatch.setattr(RunStore, "save", failing_once)
    monkeypatch.setattr(lateness, "may_be_unseen", lambda *_: False)  # a minute later

    reason = await outcome(backend, b'{"text": "%s"}' % (b"x" * 10_000))

    assert "required" in reason
    assert len(failed) == 1
    assert await backend.payloads.keys(">") == []


@pytest.mark.usefixtures("coordinator", "no_window")
async def test_a_second_start_is_answered_by_the_run_whatever_is_registered_now(backend, client):
    await outcome(backend, b'{"a": 1, "b": [2]}')
    await client.register(STRICT)

    same = await again(backend, b'{"b":[2],"a":1}')
    other = await again(backend, b'{"a": 2}')

    async def reported():
        return await rejections(backend, other)

    await eventually(reported)
    (rejected,) = await reported()
    assert rejected["id"] == RUN
    assert rejected["reason"] == "run id r1 is taken by a run with another input; choose another id"
    assert rejected["error_type"] == "RunIdTaken"
    assert await rejections(backend, RUN) == await rejections(backend, same) == []


@pytest.mark.usefixtures("coordinator", "no_window")
@pytest.mark.parametrize(
    ("body", "workflow", "headers", "reason"),
    [
        (b"{}", "two", {}, "run id r1 is taken by a run of one; choose another id"),
        (b"[]", "one", {}, "run id r1 is taken by a run with another input; choose another id"),
        (
            b"{}",
            "one",
            {"Flow-Priority": "x"},
            "Flow-Priority 'x' is unknown: expected high, normal, low",
        ),
        (b"{}", "one", {"Flow-Reply": "a"}, "Flow-Reply 'a' is not allowed: expected _INBOX.…"),
    ],
)
async def test_a_rejected_second_start_stands_beside_the_history(
    backend, body, workflow, headers, reason
):
    await outcome(backend)

    beside = await again(backend, body, workflow, **headers)

    async def reported():
        return await rejections(backend, beside)

    await eventually(reported)
    assert [data["reason"] for data in await reported()] == [reason]
    assert await rejections(backend, RUN) == []


@pytest.mark.usefixtures("coordinator")
async def test_nobody_can_take_the_id_that_a_start_without_one_will_get(backend):
    squatter = await backend.commands.send(
        "start.one", b"{}", {"Nats-Msg-Id": run_id_of_sequence(2)}
    )
    honest = run_id_of_sequence(await backend.commands.send("start.one", b"{}", {}))
    assert honest == run_id_of_sequence(2)

    async def both():
        found = await RunStore(backend.runs).load(honest)
        return found and await rejections(backend, run_id_of_sequence(squatter))

    await eventually(both)
    (rejected,) = await both()
    assert rejected["reason"].endswith("ids of this form belong to starts without a Nats-Msg-Id")
    assert await rejections(backend, honest) == []


@pytest.mark.parametrize("damaged", [b"\xff", b"a b"])
async def test_a_name_that_is_damaged_refuses_its_starts(backend, coordinator, damaged):
    await backend.definitions.put("latest.one", damaged)

    reason = await outcome(backend)

    assert "latest.one: expected the hash of a definition" in reason

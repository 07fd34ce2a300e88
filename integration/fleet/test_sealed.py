"""A fleet that seals payloads, on a real server: what anybody sees who may see everything."""

from __future__ import annotations

import base64
import json
import re
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, EventType, RunStatus, Settings, connect, parse, wiring
from flowworker.errors import InvalidInput, PayloadKeyMissing, RunIdTaken
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.logs import Containing
from tests.support.waiting import WAIT_LIMIT, eventually

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "encrypt.md"
MARK = "4111-1111"
LARGE = MARK * 100_000
"""Above inline_limit, and above what one message takes."""
ALL = ["answer", "asked", "card", "input", "large", "small", "text"]
"""What the last step of a run is given that has the mark in it."""

FLOW = """
name: order
input_schema: {type: object, required: [card]}
steps:
  - {id: small, uses: passed_on, saga: {uses: undo}}
  - {id: large, uses: grown, depends_on: [small]}
  - {id: asked, uses: fails, depends_on: [large], escalation: {strategy: wait_human}}
  - {id: last, uses: passed_on, depends_on: [small, large, asked]}
"""

app = App()


@app.step("passed_on")
async def passed_on(ctx):
    found = [name for name, value in ctx.input.items() if MARK in str(value)]
    return {"card": ctx.input["card"], "seen": sorted(found)}


@app.step("grown")
async def grown(ctx, card):
    return {"text": card[: len(MARK)] * 1000}


@app.step("fails")
async def fails(ctx):
    raise ValueError("no")


@app.step("undo")
async def undo(ctx):
    assert ctx.input["small"]["card"].startswith(MARK)


@pytest.fixture
def keys(tmp_path):
    def written(*ids):
        path = tmp_path / f"keys-{'-'.join(ids)}"
        secrets = (base64.b64encode(one.encode().ljust(32, b"-")).decode() for one in ids)
        path.write_text("".join(f"{a} {b}\n" for a, b in zip(ids, secrets, strict=True)))
        return Settings(payload_keys=str(path), sweep=1.0)

    return written


@pytest.fixture
async def heard(server):
    """All that goes over the wire, for somebody who may subscribe to everything."""
    client = await nats.connect(server.url, pending_size=1 << 28)
    found: list[tuple[str, bytes]] = []

    async def note(message):
        found.append((message.subject, message.data))

    await client.subscribe(">", cb=note, pending_bytes_limit=1 << 30, pending_msgs_limit=1 << 20)
    await client.flush()
    yield found
    await client.close()


@asynccontextmanager
async def fleet(server, namespace, coordinator, worker):
    """A coordinator and a worker, each with settings of its own."""
    where = {"url": server.url, "namespace": namespace}
    async with (
        wiring.nats(settings=coordinator, **where) as one,
        wiring.nats(settings=worker, **where) as other,
    ):
        made = (
            wiring.make_coordinator(stores_of(one, coordinator), Metrics(CollectorRegistry())),
            wiring.make_worker(stores_of(other, worker), app, Metrics(CollectorRegistry())),
        )
        for each in made:
            await each.start()
        yield
        await made[1].drain()
        await made[0].stop()


async def shows(client, run, status):
    async def reached():
        return (await client.status(run)).status is status

    await eventually(reached)


async def asked(client, run, times):
    async def reached():
        events = [event["type"] for event in await client.history(run)]
        return events.count(EventType.WAITING_HUMAN) == times

    await eventually(reached)
    await shows(client, run, RunStatus.WAITING_HUMAN)


async def test_nobody_reads_what_users_put_in(server, namespace, keys, heard):
    settings = keys("k1")
    async with (
        fleet(server, namespace, settings, settings),
        connect(server.url, namespace=namespace, settings=settings) as client,
    ):
        await client.register(parse(FLOW))
        # Given a run whose input fits a message, and one whose input does not
        runs = [await client.start("order", {"card": card}) for card in (MARK, LARGE)]
        # When humans answer, shortly and at length, and all of it is undone or completed
        for run, answer in zip(runs, (f"{MARK}-answer", LARGE), strict=True):
            await shows(client, run, RunStatus.WAITING_HUMAN)
            await client.resume(run, "complete", "asked", {"answer": answer})
        results = [await client.result(run, WAIT_LIMIT) for run in runs]
        undone = await client.start("order", {"card": MARK})
        await shows(client, undone, RunStatus.WAITING_HUMAN)
        await client.cancel(undone)
        assert (await client.result(undone, WAIT_LIMIT)).status is RunStatus.CANCELLED
        assert (await client.status(undone)).failed_compensations == ()
        # Then handlers and clients have seen what they should, and nobody else has
        assert [result.output["last"]["seen"] for result in results] == [ALL, ALL]
        assert results[1].output["last"]["card"] == LARGE
        wire = list(heard)
    assert len(wire) > 100
    assert [subject for subject, data in wire if MARK.encode() in data] == []
    encoded = base64.b64encode(MARK.encode() * 3)[4:-4]
    assert [subject for subject, data in wire if encoded in data] == []
    completed = [data for subject, data in wire if subject.endswith("workflow.step.completed")]
    assert {
        json.loads(data)["data"]["output"]["sealed"] for data in completed if b"output" in data
    } == {"k1"}


async def test_keys_are_changed_one_process_after_the_other(server, namespace, keys):
    old, both, new = keys("k1"), keys("k1", "k2"), keys("k2", "k1")
    async with connect(server.url, namespace=namespace, settings=old, create=True) as client:
        await client.register(parse(FLOW))
        async with fleet(server, namespace, old, old):
            await client.start("order", {"card": MARK}, run_id="r")
            await asked(client, "r", times := 1)
    for coordinator, worker in ((both, old), (both, both), (new, both), (new, new)):
        async with (
            fleet(server, namespace, coordinator, worker),
            connect(server.url, namespace=namespace, settings=coordinator) as client,
        ):
            # The same input is the same, whichever key and nonce it was sealed with
            assert await client.start("order", {"card": MARK}, run_id="r") == "r"
            with pytest.raises(RunIdTaken):
                await client.start("order", {"card": "other"}, run_id="r")
            await client.resume("r", "retry", "asked")
            await asked(client, "r", times := times + 1)
    async with (
        fleet(server, namespace, new, new),
        connect(server.url, namespace=namespace, settings=new) as client,
    ):
        await client.resume("r", "complete", "asked", {"answer": MARK})
        assert (await client.result("r", WAIT_LIMIT)).output["last"]["seen"] == ALL


async def test_what_cannot_be_opened_waits(logs, server, namespace, keys):
    with_key, without = keys("k1"), Settings(sweep=1.0)
    # Given a fleet in which it was not agreed upon that payloads are sealed
    async with connect(server.url, namespace=namespace, settings=without, create=True):
        pass
    async with connect(server.url, namespace=namespace, settings=with_key) as client:
        await client.register(parse(FLOW))
        # A coordinator without the key takes no start that it cannot open
        async with fleet(server, namespace, without, without):
            run = await client.start("order", {"card": MARK})
            await eventually(lambda: logs.having("warning", error=Containing("the key 'k1'")))
            assert (await client.status(run)).status is RunStatus.PENDING
        # Nor does a worker without it run a step, or count it as failed
        async with fleet(server, namespace, with_key, without):
            await eventually(lambda: logs.having("error", error=Containing("the key 'k1'")))
            assert (await client.status(run)).steps[0].error == ""
        async with fleet(server, namespace, with_key, with_key):
            await shows(client, run, RunStatus.WAITING_HUMAN)
            await client.resume(run, "complete", "asked", {})
            assert (await client.result(run, WAIT_LIMIT)).status is RunStatus.COMPLETED
    async with connect(server.url, namespace=namespace, settings=without) as client:
        with pytest.raises(PayloadKeyMissing, match="sealed with the key 'k1', which this process"):
            await client.result(run, WAIT_LIMIT)
        assert (await client.status(run)).status is RunStatus.COMPLETED


async def test_a_start_is_sealed_as_the_guide_says(server, namespace, keys):
    [code] = re.findall(r"```python\n(import base64.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    guide: dict = {}
    exec(code, guide)
    settings = keys("k1")
    async with (
        fleet(server, namespace, settings, settings),
        connect(server.url, namespace=namespace, settings=settings) as client,
    ):
        await client.register(parse(FLOW))
        bare = await nats.connect(server.url)
        for run, about in (("right", "right"), ("moved", "another")):
            key = b"k1".ljust(32, b"-")
            body = guide["sealed"]("k1", key, about, b'{"card": "4111-1111"}', namespace)
            headers = {"Nats-Msg-Id": run, "Flow-Input": "sealed"}
            await bare.jetstream().publish(f"{namespace}.start.order", body, headers=headers)
        await bare.close()
        await shows(client, "right", RunStatus.WAITING_HUMAN)
        with pytest.raises(
            InvalidInput, match=r"moved was not started: .*sealed for another place"
        ):
            await client.result("moved", WAIT_LIMIT)

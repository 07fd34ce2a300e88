"""What is secret of a run is hidden from people, in no event, and whole for handlers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.agreement import first
from flowworker.client import Client
from flowworker.definitions import parse_all
from flowworker.errors import InvalidInput
from flowworker.ports import Backend
from flowworker.redaction import MARK
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT, eventually

PASSWORD = "hunter2 of the test"
app = App()


@app.step("login")
async def login(ctx):
    await ctx.emit("door.seen", {"text": f"with {ctx.input['password']}", "token": "short"})
    return {"as": ctx.input["password"], "token": "of the handler"}


@app.step("refuse")
async def refuse(ctx):
    raise ValueError(f"not with {ctx.input['password']}")


@app.step("issue")
async def issue(ctx):
    return {"token": "of the handler", "n": 1}


WORKFLOWS = parse_all("""
name: secret
input_schema:
  type: object
  properties: {password: {type: string, secret: true, minLength: 3}}
steps:
  - {id: login, uses: login}
  - {id: fail, uses: refuse, depends_on: [login], continue_on_error: true}
  - {id: below, workflow: below, depends_on: [login], with: {password: "${input.password}"}}
---
name: below
steps:
  - {id: login, uses: login}
---
name: waits
input_schema: {properties: {password: {secret: true}}}
steps:
  - {id: ask, approval: {prompt: "May ${input.password} be used?"}}
---
name: open
steps:
  - {id: issue, uses: issue}
""")


@asynccontextmanager
async def working(backend: Backend, settings: Settings) -> AsyncIterator[Client]:
    stores = stores_of(backend, settings)
    coordinator = wiring.make_coordinator(stores, Metrics(CollectorRegistry()))
    worker = wiring.make_worker(stores, app, Metrics(CollectorRegistry()))
    client = Client(stores)
    await client.register_all(WORKFLOWS)
    await coordinator.start()
    await worker.start()
    yield client
    await worker.drain()
    await coordinator.stop()
    client.close()


@pytest_asyncio.fixture
async def client(backend: Backend) -> AsyncIterator[Client]:
    async with working(backend, Settings(redact=("*token*",))) as made:
        yield made


async def run_of(client: Client, workflow: str = "secret", **given: Any) -> str:
    given = given or {"password": PASSWORD}
    return (await client.run(workflow, given, timeout=WAIT_LIMIT)).id


async def stored_events(backend: Backend, run: str) -> list[dict[str, Any]]:
    return [json.loads(one.data) for one in await backend.events.history(run)]


async def is_waiting(client: Client, run: str) -> bool:
    steps = (await client.status(run)).steps
    return bool(steps) and steps[0].prompt == f"May {MARK} be used?"


async def test_people_see_a_mark_and_who_asks_the_value(client):
    run = await run_of(client)

    assert json.loads(await client.input_of(run)) == {"password": MARK}
    assert json.loads(await client.input_of(run, reveal=True)) == {"password": PASSWORD}
    assert json.loads(await client.output_of(run, "login")) == {"as": MARK, "token": MARK}
    shown = json.loads(await client.output_of(run, "login", reveal=True))
    assert shown == {"as": PASSWORD, "token": "of the handler"}
    view = await client.status(run, children=True, values=True)
    assert view.input is not None
    assert view.input.value == {"password": MARK}
    assert PASSWORD not in repr(view)
    assert PASSWORD in repr(await client.status(run, children=True, values=True, reveal=True))
    for step in ("login", "fail", "below"):
        assert PASSWORD not in repr(await client.step(run, step))


async def test_a_client_hides_what_its_fleet_hides_whatever_it_is_given(client, backend):
    run = await run_of(client)
    fleet = dataclasses.replace(backend, agreed=first(Settings(redact=("*token*",))))

    aware, unaware = Client(stores_of(fleet)), Client(stores_of(backend))

    assert json.loads(await aware.output_of(run, "login"))["token"] == MARK
    assert json.loads(await unaware.output_of(run, "login"))["token"] == "of the handler"


async def test_a_result_is_for_programs_and_can_be_redacted(client):
    result = await client.run("secret", {"password": PASSWORD}, timeout=WAIT_LIMIT)

    assert result.output["below"]["login"]["as"] == PASSWORD
    assert (await client.redacted(result)).output["below"] == {"login": {"as": MARK, "token": MARK}}


async def test_events_refer_to_all_payloads_of_a_run_with_secrets(client, backend):
    run = await run_of(client)
    child = (await client.status(run)).steps[2].child or (await client.status(run)).steps[1].child

    for one in (run, child):
        events = await stored_events(backend, one)
        kinds = {
            event["data"][name]["kind"]
            for event in events
            for name in ("input", "output")
            if name in event["data"]
        }
        assert kinds == {"stored"}
        assert PASSWORD not in json.dumps(events)
        [emitted] = [event["data"] for event in events if event["type"] == "door.seen"]
        assert emitted == {"text": f"with {MARK}", "token": MARK, "_workflow_id": one}


async def test_errors_have_no_secrets_when_they_are_written(client, backend):
    run = await run_of(client)

    [failed] = [
        event["data"]
        for event in await stored_events(backend, run)
        if event["type"] == "workflow.step.attempt_failed"
    ]
    assert failed["error"] == f"not with {MARK}"
    step = await client.step(run, "fail", reveal=True)
    assert f"ValueError: not with {MARK}" in step.traceback


async def test_a_reason_that_is_given_has_no_secrets_either(client, backend):
    run = await client.start("waits", {"password": PASSWORD})
    await eventually(lambda: is_waiting(client, run))

    await client.cancel(run, f"because of {PASSWORD}")

    assert (await client.result(run, timeout=WAIT_LIMIT)).error.endswith(f"because of {MARK}")
    assert PASSWORD not in json.dumps(await stored_events(backend, run))


async def test_of_other_runs_only_named_fields_are_kept_out_of_events(client, backend):
    run = await run_of(client, "open", n=1)

    outputs = [event["data"].get("output") for event in await stored_events(backend, run)]
    assert [output["kind"] for output in outputs if output] == ["stored"]
    started = (await stored_events(backend, run))[0]["data"]
    assert started["input"]["kind"] == "inline"
    assert (await client.status(run, values=True)).steps[0].output.value == {"token": MARK, "n": 1}


async def test_a_rerun_with_another_input_hides_what_the_run_had(client):
    run = await run_of(client)

    again = await client.rerun(run, from_step="fail", input={"password": "another one"})
    await client.result(again, timeout=WAIT_LIMIT)

    assert json.loads(await client.output_of(again, "login")) == {"as": MARK, "token": MARK}


async def test_a_refused_input_is_not_repeated(client, backend):
    run = await client.start("secret", {"password": "no", "my_token": "a long token"})

    with pytest.raises(InvalidInput, match=f"{MARK} is shorter than 3 characters"):
        await client.result(run, timeout=WAIT_LIMIT)
    assert "a long token" not in json.dumps(await stored_events(backend, run))


async def test_history_and_watch_hide_what_events_of_a_release_before_have(client, backend):
    # Given an event that has its payload in it
    run = await run_of(client)
    data = {"id": run, "output": {"kind": "inline", "data": {"x": PASSWORD, "token": 1}}}
    event = {"id": f"{run}/workflow.step.kept/x", "type": "workflow.step.kept", "data": data}
    await backend.events.publish(run, event["type"], json.dumps(event).encode(), event["id"])

    # When it is looked at, then its secrets are hidden, unless they are asked for
    async def seen(**how: bool) -> list[dict[str, Any]]:
        async with aclosing(client.watch(run, **how)) as events:
            watched = [one async for one in events]
        return [*watched, *await client.history(run, **how)]

    def outputs(events: list[dict[str, Any]]) -> list[Any]:
        kept = [one["data"] for one in events if one["type"] == event["type"]]
        return [one["output"]["data"] for one in kept]

    assert outputs(await seen())
    assert all(one == {"x": MARK, "token": MARK} for one in outputs(await seen()))
    assert {"x": PASSWORD, "token": 1} in outputs(await seen(reveal=True))


async def test_a_run_whose_secrets_cannot_be_read_shows_nothing(client, backend):
    # Given a run of which what is secret is damaged
    run = await run_of(client)
    stores = stores_of(backend)
    found = await stores.runs.load(run)
    assert found is not None
    record, revision = found
    await stores.runs.save(replace(record, secrets=replace(record.input, key="gone")), revision)

    # When it is looked at, then all values are hidden
    assert json.loads(await client.output_of(run, "login")) == MARK
    assert json.loads(await client.input_of(run)) == MARK

"""The page on events, held against the code and against the events of runs."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, errors, wiring
from flowworker.client import Client
from flowworker.codec.cloudevents import EventData
from flowworker.codec.facts import FACT_TYPES
from flowworker.codec.schedule_events import ScheduleEventData
from flowworker.core.event_types import EventType
from flowworker.core.schedule_events import ScheduleEventType
from flowworker.definitions import parse_all
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.docs.pages import column, table, words
from tests.support.backends import memory


def event_rows():
    return {words(row["type"])[0]: row for row in table("events.md", "Types")}


def test_event_types():
    assert set(event_rows()) == set(EventType)
    facts = {kind for kind, row in event_rows().items() if row["fact"] == "yes"}
    assert facts == set(FACT_TYPES)


def test_the_fields_of_events():
    described = column(table("events.md", "Fields of `data`"), "field")
    assert set(described) == set(EventData.__struct_encode_fields__)
    everywhere = {"id", "name", "version", "at", "v"}
    used = {field for row in event_rows().values() for field in words(row["data"])}
    assert used | everywhere == set(described)


WORKFLOWS = """
name: troubled
steps:
  - {id: flaky, uses: fails_once, retry: {max_attempts: 2, interval: 1ms}}
  - {id: replaced, uses: fails, fallback: works}
  - {id: asked, uses: fails, escalation: {}, depends_on: [flaky, replaced]}
---
name: undone
steps:
  - {id: good, uses: works, saga: {uses: works}}
  - id: bad
    uses: works
    depends_on: good
    saga: {uses: fails, is_critical: true, retry: {max_attempts: 1}}
  - {id: worst, uses: fails, depends_on: bad}
---
name: polled
steps: [{id: poll, uses: works, repeat: {until: iterations == 2, interval: 1ms}}]
---
name: endless
steps: [{id: hangs, uses: hangs}]
---
name: unserved
steps: [{id: waits, uses: nobody.has}]
---
name: late
timeout: 20ms
steps: [{id: hangs, uses: hangs}]
"""


def handlers():
    app = App()

    @app.step("works")
    async def works(ctx):
        return {"done": True}

    @app.step("fails")
    async def fails(ctx):
        raise ValueError("no")

    @app.step("fails_once")
    async def fails_once(ctx):
        if ctx.attempt == 1:
            raise ValueError("not yet")

    @app.step("hangs")
    async def hangs(ctx):
        await asyncio.Event().wait()

    return app


async def until(client, run, event_type):
    async for event in client.watch(run):
        if event["type"] == event_type:
            return


async def every_event(client):
    """The histories of runs in which everything happens that can happen."""
    runs = []
    for action in ("skip", "complete"):
        runs.append(await client.start("troubled", priority="low"))
        await until(client, runs[-1], "workflow.waiting_human")
        await client.resume(runs[-1], action)
        await client.result(runs[-1])
    runs.append(await client.start("endless"))
    await until(client, runs[-1], "workflow.step.started")
    await client.signal(runs[-1], "nobody.waits")
    await until(client, runs[-1], "workflow.signalled")
    await client.pause(runs[-1], "to look at it", actor="ops")
    await client.unpause(runs[-1], actor="ops")
    await until(client, runs[-1], "workflow.unpaused")
    await client.pause_workflow("endless", "to look at it", actor="ops")
    await until(client, runs[-1], "workflow.held")
    await client.unpause_workflow("endless", actor="ops")
    await until(client, runs[-1], "workflow.released")
    await client.cancel(runs[-1], "enough")
    await client.result(runs[-1])
    runs.append(await client.start("unserved", delay=0.2))
    await until(client, runs[-1], "workflow.step.waiting_handler")
    await client.cancel(runs[-1])
    await client.result(runs[-1])
    runs += [(await client.run(workflow)).id for workflow in ("undone", "late", "polled")]
    runs += [
        await client.rerun(runs[0], from_step="asked", new_id="again"),
        await client.rerun(runs[0], from_step="nowhere", new_id="nothing"),
    ]
    await until(client, "again", "workflow.waiting_human")
    with pytest.raises(errors.InvalidInput, match="has no step 'nowhere'"):
        await client.result("nothing")
    runs.append("refused")
    with pytest.raises(errors.WorkflowNotFound):
        await client.run("unheard_of", run_id=runs[-1])
    return [event for run in runs for event in await client.history(run)]


async def test_events_have_the_fields_that_are_described():
    """Every type occurs, and states nothing that its row does not list."""
    settings = Settings()
    async with memory(settings=settings) as backend:
        client = Client(stores_of(backend, settings))
        coordinator = wiring.make_coordinator(
            stores_of(backend, settings), Metrics(CollectorRegistry())
        )
        worker = wiring.make_worker(
            stores_of(backend, settings), handlers(), Metrics(CollectorRegistry())
        )
        await coordinator.start()
        await worker.start()
        for workflow in parse_all(WORKFLOWS):
            await client.register(workflow)
        events = await every_event(client)
        await worker.drain()
        await coordinator.stop()
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(EventData)}
    rows = event_rows()
    for event in events:
        stated = {name for name, value in event["data"].items() if value != defaults[name]}
        assert stated <= {"id", "name", "version", "at", *words(rows[event["type"]]["data"])}, event
    assert {event["type"] for event in events} == set(EventType)


def test_events_of_schedules():
    rows = table("events.md", "Events of schedules")
    assert column(rows, "type") == [kind.value for kind in ScheduleEventType]
    used = {field for row in rows for field in words(row["data"])}
    described = {"id", "name", "at", "v"} | used
    assert described == set(ScheduleEventData.__struct_encode_fields__)

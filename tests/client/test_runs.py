"""Runs as a client sees them, from start to end. No worker: steps wait until they are cancelled."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from flowworker.client import Client
from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.core.event_types import EventType
from flowworker.core.status import RunStatus, StepStatus
from flowworker.errors import (
    InvalidInput,
    ResultTimeout,
    RunCancelled,
    RunIdTaken,
    RunNotFound,
    WorkflowNotFound,
)
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.testing.clock import settle
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.usefixtures("coordinator")

START = ("order.fulfil", {"order": 7})


async def test_a_run_is_seen_at_once_by_the_one_who_started_it(client):
    run = await client.start(*START)

    view = await client.status(run)

    assert (view.id, view.workflow, view.version) == (run, "order.fulfil", "v1")
    assert view.status is RunStatus.RUNNING
    assert [(step.id, step.status) for step in view.steps] == [
        ("reserve", StepStatus.PENDING),
        ("charge", StepStatus.PENDING),
    ]


async def test_the_definition_of_a_run_may_be_gone(client, backend):
    run = await client.start(*START)
    await client.status(run)
    await backend.definitions.purge("def.>")

    view = await Client(stores_of(backend)).status(run)

    assert view.status is RunStatus.RUNNING
    assert view.steps == ()
    assert "the definition cannot be read" in view.problems[0]


async def test_a_corrupt_step_does_not_hide_the_rest(client, backend):
    run = await client.start(*START)
    await client.status(run)
    await backend.runs.put(f"step.default.{run}.reserve", b"\xffnonsense")

    view = await client.status(run)

    assert [step.id for step in view.steps] == ["reserve", "charge"]
    assert f"step.default.{run}.reserve" in view.problems[0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.status("nobody"),
        lambda client: client.result("nobody", 5),
        lambda client: client.history("nobody"),
        lambda client: client.cancel("nobody"),
        lambda client: client.terminate("nobody"),
        lambda client: client.resume("nobody", "retry"),
        lambda client: anext(client.watch("nobody")),
    ],
)
async def test_a_run_that_nobody_started_is_not_found(client, ask):
    with pytest.raises(RunNotFound, match="no run nobody exists"):
        await ask(client)


async def test_a_timeout_says_that_the_run_goes_on(client):
    run = await client.start(*START)

    with pytest.raises(ResultTimeout, match="it goes on"):
        await client.result(run, 0.05)


async def test_cancelling_ends_a_run(client):
    run = await client.start(*START)

    await client.cancel(run, "no longer wanted")
    result = await client.result(run, 10)

    assert result.status is RunStatus.CANCELLED
    assert result.error == "no longer wanted"
    assert result.output == {}
    with pytest.raises(RunCancelled, match="no longer wanted"):
        result.raise_for_status()


async def test_the_result_reaches_a_waiting_starter(client):
    waiting = asyncio.create_task(client.run(*START, timeout=WAIT_LIMIT))
    async with aclosing(client.watch()) as events:
        started = await anext(events)
    await client.terminate(started["data"]["id"])

    assert (await waiting).status is RunStatus.CANCELLED


async def test_the_result_reaches_others(client, backend):
    run = await client.start(*START)
    await client.status(run)
    other = Client(stores_of(backend))
    waiting = asyncio.create_task(other.result(run, 10))
    await settle()  # it waits

    await client.cancel(run)

    assert (await waiting).status is RunStatus.CANCELLED


async def test_two_starts_with_one_id_are_one_run(client):
    await client.start(*START, run_id="order-7")
    await client.start(*START, run_id="order-7")
    await client.cancel("order-7")

    assert (await client.result("order-7", 10)).status is RunStatus.CANCELLED
    assert len(await client.list()) == 1


@pytest.mark.parametrize(
    ("workflow", "value", "error", "reported"),
    [
        ("order.fulfil", {}, InvalidInput, '"order" is a required property'),
        ("nosuch", {}, WorkflowNotFound, "no workflow 'nosuch' is registered"),
    ],
)
async def test_a_rejected_start_is_reported_with_its_reason(
    client, workflow, value, error, reported
):
    with pytest.raises(error, match=reported):
        await client.run(workflow, value, timeout=WAIT_LIMIT)

    run = await client.start(workflow, value)
    with pytest.raises(error, match=reported):
        await client.result(run, 10)
    with pytest.raises(error, match=reported):
        await client.status(run)


async def test_a_finished_run_cannot_be_acted_upon(client):
    run = await client.start(*START)
    await client.cancel(run)
    await client.result(run, 10)

    for act in (client.cancel(run), client.terminate(run), client.resume(run, "retry")):
        with pytest.raises(InvalidInput, match="has ended already: it is CANCELLED"):
            await act


async def test_only_a_waiting_step_can_be_resumed(client):
    run = await client.start(*START)

    with pytest.raises(InvalidInput, match=r"no step of run .* waits for a human: it is RUNNING"):
        await client.resume(run, "retry")
    with pytest.raises(InvalidInput, match="expected an action: retry, cancel, skip, complete"):
        await client.resume(run, "maybe")
    with pytest.raises(InvalidInput, match="an output goes with the action complete"):
        await client.resume(run, "skip", output={})


async def test_runs_are_listed_by_status_and_workflow(client):
    first = await client.start(*START, run_id="a-1")
    second = await client.start(*START, run_id="b-2")
    await client.cancel(first)
    await client.result(first, 10)
    await client.status(second)

    assert [run.id for run in await client.list()] == [second, first]
    assert [run.id for run in await client.list(limit=1)] == [second]
    assert [run.id for run in await client.list(RunStatus.CANCELLED)] == [first]
    assert [run.id for run in await client.list(RunStatus.RUNNING, "order.fulfil")] == [second]
    assert await client.list(workflow="other") == []


async def test_the_history_has_every_event(client):
    run = await client.start(*START)
    await client.cancel(run)
    await client.result(run, 10)

    types = [event["type"] for event in await client.history(run)]

    assert types[0] == "workflow.started"
    assert "workflow.cancel_requested" in types


async def test_definitions_can_be_asked_for(client):
    assert await client.definitions() == ["order.fulfil"]
    assert (await client.definition("order.fulfil")).version == "v1"
    with pytest.raises(WorkflowNotFound):
        await client.definition("nosuch")


async def test_an_id_that_is_taken_by_another_input_is_reported(client, coordinator):
    run = await client.start("order.fulfil", {"order": 1}, run_id="mine")
    await client.status(run)

    with pytest.raises(RunIdTaken, match="another input"):
        await client.start("order.fulfil", {"order": 2}, run_id="mine")
    with pytest.raises(RunIdTaken, match="another input"):
        await client.run("order.fulfil", {"order": 2}, run_id="mine")
    assert await client.start("order.fulfil", {"order": 1}, run_id="mine") == run


async def test_of_two_inputs_at_once_one_is_reported(client, coordinator):
    one, two = await asyncio.gather(
        *(
            client.run("order.fulfil", {"order": order}, run_id="mine", timeout=0.5)
            for order in (1, 2)
        ),
        return_exceptions=True,
    )

    assert {type(one), type(two)} == {ResultTimeout, RunIdTaken}


async def test_a_rejection_in_the_history_of_a_run_does_not_end_it(client, backend, coordinator):
    run = await client.start("order.fulfil", {"order": 1}, run_id="mine")
    await client.status(run)
    data = EventData(id=run, name="order.fulfil", reason="reported by somebody with an old view")
    event = cloud_event("shop", EventType.REJECTED, data, 1.0)
    await backend.events.publish(run, event.type, encode(event), event.id)

    seen = []
    async with asyncio.timeout(5):
        async for reported in client.watch(run):
            seen.append(reported["type"])
            if reported["type"] == EventType.REJECTED:
                await client.terminate(run)

    assert seen[-1] == EventType.CANCELLED


async def test_ids_of_starts_without_one_cannot_be_chosen(client):
    with pytest.raises(InvalidInput, match="cannot be chosen"):
        await client.start("order.fulfil", {"order": 1}, run_id="seq-000000000048")


async def test_many_starts_on_a_fresh_client_share_one_subscription(client, backend, monkeypatch):
    subscribed = []
    subscribe = backend.notifier.subscribe

    async def counting(subject, *args):
        subscribed.append(subject)
        await asyncio.sleep(0)  # as a server makes one wait
        return await subscribe(subject, *args)

    monkeypatch.setattr(backend.notifier, "subscribe", counting)

    await asyncio.gather(*(client.start(*START) for _ in range(20)))

    assert len(subscribed) == 1


@pytest.mark.parametrize("damage", [{"created_at": 1e300}, {"finished_at": -1.0}, {"run": "other"}])
async def test_a_damaged_run_is_one_row_that_names_it(client, backend, damage):
    good, bad = await client.start(*START), await client.start(*START)
    await client.status(bad)
    found = await RunStore(backend.runs).load(bad)
    assert found is not None
    await backend.runs.put(f"run.{bad}", encode(replace(found[0], **damage)))

    rows = {row.id: row for row in await client.list()}

    assert rows[good].error == ""
    assert rows[bad].error.startswith(f"run.{bad}: stored bytes cannot be read")
    assert rows[bad].created_at == 0

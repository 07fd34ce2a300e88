"""Control messages and the runs that they are about."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.clock import SystemClock
from flowworker.codec.json import encode
from flowworker.coordinator.commands import addressing, inbox
from flowworker.core.answer import Decision
from flowworker.core.event_types import EventType
from flowworker.core.ids import run_id_of_sequence
from flowworker.core.model import Escalation, Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import HumanAction, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.support import coordinated, parts_of
from tests.support.histories import bodies
from tests.support.waiting import WAIT_LIMIT, eventually

RUN = "r1"


async def rejections(backend, run):
    events = [json.loads(raw) for raw in await bodies(backend.events, run)]
    return [event["data"]["reason"] for event in events if event["type"] == EventType.REJECTED]


async def test_one_that_is_before_its_run_waits_for_it(backend, client, monkeypatch):
    put_back = asyncio.Event()

    def pause(_inbox, _delivery):
        put_back.set()
        return 0.1

    monkeypatch.setattr(inbox.Inbox, "_pause", pause)
    await client.register(Workflow("one", (Step("a", "h"),)))
    coordinator = await coordinated(backend)
    await backend.commands.send(f"control.terminate.{RUN}", b"", {})
    await asyncio.wait_for(put_back.wait(), WAIT_LIMIT)

    await client.start("one", run_id=RUN)

    async def is_over():
        found = await RunStore(backend.runs).load(RUN)
        return found is not None and found[0].status is RunStatus.CANCELLED

    await eventually(is_over)
    assert await rejections(backend, RUN) == []
    await coordinator.stop()


@pytest.mark.parametrize("action", ["cancel", "terminate"])
async def test_one_for_a_run_that_does_not_come_is_rejected_in_the_end(
    backend, monkeypatch, action
):
    monkeypatch.setattr(addressing, "may_be_unseen", lambda *_: False)
    coordinator = await coordinated(backend)
    await backend.commands.send(f"control.{action}.{RUN}", b"", {})

    async def is_rejected():
        return await rejections(backend, RUN)

    await eventually(is_rejected)
    assert await rejections(backend, RUN) == [f"control.{action}: no run 'r1' exists"]
    await coordinator.stop()


async def test_a_long_reason_is_kept_as_far_as_a_record_takes_it(backend, client):
    await client.register(Workflow("one", (Step("a", "h"),)))
    coordinator = await coordinated(backend)
    await client.start("one", run_id=RUN)

    await client.terminate(RUN, reason="because " * 100_000)

    result = await client.result(RUN, 5)
    assert result.status is RunStatus.CANCELLED
    assert len(result.error) == 2001
    await coordinator.stop()


MANY = Workflow("many", tuple(Step(f"s{n}", "none", escalation=Escalation()) for n in range(60)))


@pytest.mark.slow
async def test_a_run_takes_as_many_large_answers_as_it_asks_for(backend, client):
    """Their outputs would not fit its record, all together."""
    await client.register(MANY)
    failing = wiring.make_worker(stores_of(backend), failing_app(), Metrics(CollectorRegistry()))
    await failing.start()
    coordinator = await coordinated(backend)
    await client.start("many", run_id=RUN)
    await eventually(lambda: all_wait(client))

    for step in MANY.steps:
        await client.resume(RUN, "complete", step.id, {"text": "x" * 30_000})
    result = await client.result(RUN, 5)
    found = await RunStore(backend.runs).load(RUN)
    await coordinator.stop()
    await failing.drain()

    assert result.status == "COMPLETED"
    assert result.output["s59"] == {"text": "x" * 30_000}
    assert found is not None
    assert len(encode(found[0])) < 30_000


def failing_app():
    app = App()

    @app.step("none")
    def none(ctx):
        raise ValueError

    return app


async def all_wait(client):
    view = await client.status(RUN)
    return all(step.status == "WAITING_HUMAN" for step in view.steps)


async def test_an_answer_for_which_the_record_has_no_room_is_rejected_and_the_run_can_be_stopped(
    backend, client
):
    answers = tuple(Decision(turn, HumanAction.RETRY, id="x" * 100) for turn in range(5000))
    record = RunRecord(
        RUN,
        "many",
        plan_of(MANY).hash,
        RunStatus.WAITING_HUMAN,
        EMPTY,
        time.time(),
        decisions={"s0": answers},
    )
    await client.register(MANY)
    await RunStore(backend.runs).save(record, 0)
    coordinator = await coordinated(backend)

    answer = {"action": "retry", "step": "s1"}
    await backend.commands.send(f"control.resume.{RUN}", encode(answer), {})
    await eventually(lambda: rejections(backend, RUN))
    await client.terminate(RUN)
    result = await client.result(RUN, 5)
    [reason] = await rejections(backend, RUN)
    await coordinator.stop()

    assert "5,000 answers" in reason
    assert result.status == "CANCELLED"


@pytest.mark.parametrize(
    ("action", "body", "reason"),
    [
        ("cancel", b"", f"run {RUN!r} is CANCELLED already"),
        ("terminate", b"", f"run {RUN!r} is CANCELLED already"),
        ("cancel", b"no JSON", "JSON is malformed"),
    ],
)
async def test_one_for_a_run_that_is_over_leaves_its_history_alone(
    backend, client, action, body, reason
):
    await client.register(Workflow("one", (Step("a", "h"),)))
    coordinator = await coordinated(backend)
    await client.start("one", run_id=RUN)
    await client.terminate(RUN)
    await client.result(RUN, WAIT_LIMIT)
    before = await bodies(backend.events, RUN)

    sequence = await backend.commands.send(f"control.{action}.{RUN}", body, {})

    async def reported():
        return await rejections(backend, run_id_of_sequence(sequence))

    await eventually(reported)
    (line,) = await reported()
    assert line.startswith(f"control.{action}: ")
    assert reason in line
    assert await bodies(backend.events, RUN) == before
    await coordinator.stop()


class Crossing:
    """An event log in which the run's end comes right before the request."""

    def __init__(self, events, end):
        self._events = events
        self._end = end

    def __getattr__(self, name):
        return getattr(self._events, name)

    async def publish_before_end(self, run, event_type, *event, **options):
        await self._events.publish(run, self._end, b"{}", "end", once=True)
        return await self._events.publish_before_end(run, event_type, *event, **options)


@pytest.mark.parametrize(
    ("action", "body"), [("cancel", b""), ("terminate", b""), ("resume", b'{"action": "skip"}')]
)
async def test_one_that_crosses_the_end_is_not_behind_it(backend, action, body):
    record = RunRecord(RUN, "many", plan_of(MANY).hash, RunStatus.WAITING_HUMAN, EMPTY, time.time())
    await RunStore(backend.runs).save(record, 0)
    crossing = replace(backend, events=Crossing(backend.events, EventType.COMPLETED))
    intake = parts_of(stores_of(crossing), SystemClock()).intake
    await intake.start()

    sequence = await backend.commands.send(f"control.{action}.{RUN}", body, {})

    async def reported():
        return await rejections(backend, run_id_of_sequence(sequence))

    await eventually(reported)
    assert await reported() == [f"control.{action}: run {RUN!r} is over already"]
    history = [json.loads(raw) for raw in await bodies(backend.events, RUN)]
    assert history[-1] == {}
    assert [event["type"] for event in history[:-1]] == [EventType.STARTED]
    await intake.stop()

"""Control messages and the runs that they are about."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from flowworker.coordinator import controls
from flowworker.core.commands import EventType
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.stores.runs import RunStore
from tests.coordinator.support import coordinated, until

RUN = "r1"


async def rejections(backend, run):
    events = [json.loads(raw) for raw in await backend.events.history(run)]
    return [event["data"]["reason"] for event in events if event["type"] == EventType.REJECTED]


async def test_one_that_is_before_its_run_waits_for_it(backend, client):
    await client.register(Workflow("one", (Step("a", "h"),)))
    coordinator = await coordinated(backend)
    with capture_logs() as logs:
        await backend.commands.send(f"control.terminate.{RUN}", b"", {})

        async def is_put_back():
            return any(entry["event"] == "message will be tried again" for entry in logs)

        await until(is_put_back)

    await client.start("one", run_id=RUN)

    async def is_over():
        found = await RunStore(backend.runs).load(RUN)
        return found is not None and found[0].status is RunStatus.CANCELLED

    await until(is_over)
    assert await rejections(backend, RUN) == []
    await coordinator.stop()


@pytest.mark.parametrize("action", ["cancel", "terminate"])
async def test_one_for_a_run_that_does_not_come_is_rejected_in_the_end(
    backend, monkeypatch, action
):
    monkeypatch.setattr(controls, "may_be_unseen", lambda *_: False)
    coordinator = await coordinated(backend)
    await backend.commands.send(f"control.{action}.{RUN}", b"", {})

    async def is_rejected():
        return await rejections(backend, RUN)

    await until(is_rejected)
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

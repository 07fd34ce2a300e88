"""What every adapter refuses, so that no name reaches what it is not meant for."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput, PayloadTooLarge
from integration.contract.support import enqueue, open_lane, step
from tests.support.histories import bodies

BAD_TOKENS = ["", "*", ">", "a b", "a\r\nPUB x", "ä", "a.b", "a" * 129, "schedule:"]
BAD_NAMES = ["", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "a\nb"]


@pytest.mark.parametrize("run", BAD_TOKENS)
async def test_a_run_id_is_one_token(backend, run):
    for call in (
        lambda: backend.steps.enqueue(step(run=run), b"", "id"),
        lambda: backend.events.publish(run, "workflow.started", b"", "id"),
        lambda: backend.timers.set(run, "timeout", 0.0),
    ):
        with pytest.raises(InvalidInput):
            await call()


@pytest.mark.parametrize("queue", BAD_TOKENS)
async def test_a_queue_is_one_token(backend, queue):
    with pytest.raises(InvalidInput):
        await backend.steps.enqueue(step(queue=queue), b"", "id")


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_other_names_are_tokens_joined_by_dots(backend, name):
    for call in (
        lambda: backend.steps.enqueue(step(name), b"", "id"),
        lambda: backend.events.publish("run-1", name, b"", "id"),
        lambda: backend.timers.set("run-1", name, 0.0),
        lambda: backend.commands.send(f"start.{name}", b"", {}),
        lambda: backend.runs.put(name, b""),
        lambda: backend.runs.write(name, b"", 0),
        lambda: backend.leases.acquire(name, "a", 30),
    ):
        with pytest.raises(InvalidInput):
            await call()


@pytest.mark.parametrize("subject", ["restart.w", "event.1.run-1.workflow.started", "step.a.b"])
async def test_a_command_is_of_a_known_kind(backend, subject):
    with pytest.raises(InvalidInput):
        await backend.commands.send(subject, b"", {})


@pytest.mark.parametrize("ttl", [0, -1, 1.5])
async def test_a_lease_has_whole_seconds(backend, ttl):
    with pytest.raises(InvalidInput):
        await backend.leases.acquire("partition.1", "a", ttl)


@pytest.mark.parametrize("subject", ["", "a.*", "a.>", "a b", "a\r\n"])
async def test_events_are_published_to_a_subject_and_not_to_a_pattern(backend, subject):
    with pytest.raises(InvalidInput):
        await backend.notifier.publish(subject, b"")


async def test_what_exceeds_a_message_is_refused_and_nothing_else_suffers(backend):
    # Given a body that no message can carry
    huge = b"x" * (backend.max_message + 1)

    # When it is sent by whatever way
    for call in (
        lambda: backend.steps.enqueue(step(), huge, "id"),
        lambda: backend.events.publish("run-1", "workflow.started", huge, "id"),
        lambda: backend.commands.send("start.w", huge, {}),
        lambda: backend.runs.put("run.run-1", huge),
        lambda: backend.runs.write("run.run-1", huge, 0),
        lambda: backend.notifier.publish(f"{backend.namespace}.notices", huge),
    ):
        with pytest.raises(PayloadTooLarge):
            await call()

    # Then it is refused, and all else works
    assert backend.ready()
    await enqueue(backend, "a")
    await (await open_lane(backend, 1)).take(1)
    assert await backend.runs.keys(">") == []
    assert await bodies(backend.events, "run-1") == []

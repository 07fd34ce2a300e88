"""The `StepQueue` port: what is taken back, and what is dropped."""

from __future__ import annotations

import time

from flowworker.codec.keys import step_timer
from integration.contract.support import RUN, enqueue, open_lane, step
from tests.support.waiting import eventually


async def test_what_is_withdrawn_is_queued_no_more_and_timers_stay(backend, peer):
    later = time.time() + 60
    inflight, queued, delayed = step("is.inflight"), step("is.queued"), step("is.delayed")
    await backend.steps.enqueue(inflight, b"1", "id-1")
    [got] = await (await open_lane(backend, 1)).take(1)
    await backend.steps.enqueue(queued, b"2", "id-2")
    await backend.steps.enqueue(delayed, b"3", "id-3", later)
    await backend.timers.set(RUN, step_timer("sleeps"), later)
    await backend.steps.enqueue(step("is.later"), b"6", "id-6", later)
    await backend.steps.enqueue(step("waits", run="other"), b"4", "id-4")

    await peer.steps.withdraw(RUN, ["is.delayed"])
    await peer.steps.withdraw(RUN, ["is.delayed"])

    left = await peer.steps.backlog()
    assert (sorted(left[RUN]), left["other"]) == (["is.later", "sleeps"], ["waits"])
    await got.ack()

    # Its id is known; under another one it is queued again
    await backend.steps.enqueue(queued, b"2", "id-2")
    await backend.steps.enqueue(queued, b"5", "id-2/again")
    assert await peer.steps.queued(queued) == [b"5"]


async def test_dropping_a_run_removes_what_is_queued_and_scheduled(backend, peer):
    # Given messages of two runs with similar ids, some of them scheduled
    soon = time.time() + 0.7
    for run in ("run-1", "run-12"):
        await enqueue(backend, "a", "b.c", run=run)
        await enqueue(backend, "a", run=run, queue="slow", priority="low")
        await backend.steps.enqueue(step("due", run=run), b"due", f"{run}/due", soon)

    # When one run is dropped, twice
    await peer.steps.drop("run-1")
    await peer.steps.drop("run-1")

    # Then only the other's messages come
    await backend.steps.enqueue(step("last"), b"last", "last", soon + 0.4)
    inbox = await open_lane(backend, 10)
    slow = await open_lane(backend, 10, queue="slow", priority="low")
    await slow.take(1)
    await eventually(lambda: b"last" in inbox.bodies)
    assert slow.subjects == ["step.slow.low.run-12.a"]
    assert sorted(subject.removeprefix("step.default.normal.") for subject in inbox.subjects) == [
        "run-1.last",
        "run-12.a",
        "run-12.b.c",
        "run-12.due",
    ]


async def test_dropping_what_is_in_flight_does_no_harm(backend):
    await enqueue(backend, "a")
    inbox = await open_lane(backend, 10)
    [got] = await inbox.take(1)

    await backend.steps.drop("run-1")

    await got.in_progress()
    await got.ack()
    await enqueue(backend, "last")
    await inbox.take(2)
    assert inbox.bodies == [b"a", b"last"]

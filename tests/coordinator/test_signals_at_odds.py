"""Signals when something dies, comes twice, comes too late, or is none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Workflow
from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo, SignalRecord, StepRecord
from flowworker.core.status import Outcome, StepStatus
from flowworker.errors import Conflict, InvalidInput, RunNotFound
from flowworker.stores.signals import signal_id
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World
from tests.coordinator.signalling import outputs, rejections, send, step_of, waits

ONE = Workflow("w", (waits("a"),))
TWO = Workflow("w", (waits("a"), waits("b")))


async def test_a_message_that_comes_again_is_one_signal(world):
    """The coordinator died before it acknowledged."""
    await world.coordinator()
    await world.start(TWO)
    publish = world.backend.events.publish_before_end
    failing = [True]

    async def fails(run, event_type, data, event_id, **more):
        if event_type == "workflow.signalled" and failing.pop() is True:
            failing.append(False)
            raise RuntimeError("dies")
        failing.append(False)
        return await publish(run, event_type, data, event_id, **more)

    world.backend.events.publish_before_end = fails
    await send(world, 1, **{"Nats-Msg-Id": "s1"})
    await world.pass_by(60.0)

    assert await outputs(world) == {"a": 1}
    assert len(await world.stores.signals.of(RUN, "paid")) == 1


async def test_what_was_marked_is_taken_after_a_death(world):
    """The coordinator died between the mark and the end of the step."""
    coordinator = await world.coordinator()
    await world.start(Workflow("w", (waits("a", timeout=60.0), waits("b"))))
    save = world.stores.runs.save_step

    async def dies(queue, record, revision):
        if record.outcome is Outcome.COMPLETED:
            raise Conflict("dies")
        return await save(queue, record, revision)

    world.stores.runs.save_step = dies
    await send(world, 1)
    [(signal, _)] = await world.stores.signals.of(RUN, "paid")
    assert signal.taken_by == "a/run/1.1"
    await coordinator.stop()
    world.stores.runs.save_step = save

    # Its timeout goes off late; another coordinator finds the mark first
    await world.pass_by(120.0)
    await world.coordinator()
    await world.pass_by(60.0)

    assert await outputs(world) == {"a": 1}
    assert (await step_of(world, "b")).status is StepStatus.RUNNING


async def test_two_looks_of_one_attempt_take_one_signal(world):
    await world.coordinator()
    await world.start(TWO)
    take = world.stores.signals.take

    async def loses(signal, revision, attempt):
        await take(signal, revision, attempt)
        raise Conflict("the other look of this attempt was faster")

    world.stores.signals.take = loses
    await send(world, 1)
    await send(world, 2)

    assert await outputs(world) == {"a": 1, "b": 2}


async def test_what_an_attempt_left_is_free(world):
    """The step was fenced after it had marked the signal."""
    await world.coordinator()
    await world.start(TWO)
    taker, revision = await world.stores.runs.load_step(COORDINATOR, RUN, "a")
    kept = SignalRecord(RUN, "paid", signal_id(1, 2.0), 2.0, inline(b"1"), taken_by="a/run/1.1")
    await world.stores.signals.keep(kept, "")
    ended = replace(taker, outcome=Outcome.COMPLETED, signal="another", output=inline(b"0"))
    await world.stores.runs.save_step(COORDINATOR, ended, revision)

    await send(world, 2)

    assert (await outputs(world))["b"] == 1


async def test_who_loses_the_step_gives_the_signal_back(world):
    """A timeout wrote the end of the step after the signal was marked."""
    await world.coordinator()
    await world.start(
        Workflow("w", (replace(waits("a", timeout=60.0), continue_on_error=True), waits("b")))
    )
    save = world.stores.runs.save_step
    steps: list[StepRecord] = []

    async def loses(queue, record, revision):
        if record.outcome is Outcome.COMPLETED and record.step == "a" and not steps:
            steps.append(record)
            late = ErrorInfo("Timeout", "late", retryable=False)
            failed = replace(record, outcome=Outcome.FAILED, signal="", output=None, error=late)
            await save(queue, failed, revision)
        return await save(queue, record, revision)

    world.stores.runs.save_step = loses
    await send(world, 1)
    await world.pass_by(30.0)

    assert await outputs(world) == {"b": 1}


async def test_a_signal_of_a_run_that_is_not_there(world):
    await world.coordinator()

    await send(world, 1)
    await world.pass_by(120.0)

    assert await rejections(world) == [f"signal.paid: no run '{RUN}' exists"]
    with pytest.raises(RunNotFound):
        await world.client.signal("other", "paid")


async def test_a_signal_of_a_run_that_is_over_changes_nothing(world):
    await world.coordinator()
    await world.start(ONE)
    await send(world, 1)
    before = await world.history()

    await send(world, 2)

    assert await world.history() == before
    assert len(await world.stores.signals.of(RUN, "paid")) == 1
    with pytest.raises(InvalidInput, match="COMPLETED"):
        await world.client.signal(RUN, "paid")


@pytest.mark.parametrize(
    ("name", "body", "headers", "problem"),
    [
        ("paid", b"{", {}, "signal.paid: the body is not JSON"),
        ("paid", b"9" * 1200, {}, "signal.paid: signal."),
        ("paid", b"{}", {"Flow-Input": "stored"}, "the body is no reference to a payload"),
        ("paid", b"{}", {"Flow-Input": "other"}, "Flow-Input 'other' is unknown"),
        ("p" * 129, b"1", {}, f"signal.{RUN}.ppp"),
    ],
)
async def test_what_is_no_signal_is_rejected(name, body, headers, problem):
    async with World(payload_limit=1000, inline_limit=100) as world:
        await world.coordinator()
        await world.start(ONE)

        await world.backend.commands.send(f"signal.{RUN}.{name}", body, headers)
        await settle()

        [reason] = await rejections(world)
        assert reason.startswith(problem)
        assert (await step_of(world, "a")).status is StepStatus.RUNNING

"""Signals: kept, taken once, the oldest first; whatever dies, comes twice, or crosses."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.for_each import ForEach
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus, StepStatus
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN
from tests.coordinator.signalling import outputs, send, step_of, waits

ONE = Workflow("w", (waits("a"),))
TWO = Workflow("w", (waits("a"), waits("b")))


async def test_a_signal_completes_the_step_that_waits(world):
    await world.coordinator()
    await world.start(ONE)
    assert (await step_of(world, "a")).status is StepStatus.RUNNING

    await world.client.signal(RUN, "paid", {"amount": 7})
    await settle()

    assert await outputs(world) == {"a": {"amount": 7}}
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await world.backend.steps.backlog() == {}
    assert [kind for kind, _ in await world.history()] == [
        *("started", "step.started", "signalled", "step.completed", "completed")
    ]


async def test_a_signal_is_kept_until_somebody_waits_for_it(world):
    await world.coordinator()
    await world.start(Workflow("w", (Step("nap", sleep=60.0), waits("a", after=("nap",)))))

    await send(world, 1)
    await send(world, 2, name="other")
    await send(world, 3)
    await world.pass_by(61.0)

    assert (await outputs(world))["a"] == 1


async def test_each_is_taken_once_and_the_oldest_first(world):
    await world.coordinator()
    await world.start(TWO)

    await send(world, 1)
    assert await outputs(world) == {"a": 1}
    await send(world, 2)

    assert await outputs(world) == {"a": 1, "b": 2}


async def test_what_a_step_waits_for_is_seen_while_it_waits(world):
    await world.coordinator()
    await world.start(Workflow("w", (waits("a", timeout=90.0), waits("b", after=("a",)))))
    seen = await step_of(world, "a")
    assert (seen.signal, seen.until) == ("paid", world.clock.now() + 90.0)
    assert (await step_of(world, "b")).signal == ""

    await send(world, 1)

    seen = await step_of(world, "a")
    assert (seen.signal, seen.until) == ("", 0.0)


async def test_two_that_wait_do_not_share_one(world):
    await world.coordinator()
    await world.coordinator()
    await world.start(TWO)

    await send(world, 1)
    await world.pass_by(60.0)

    assert len(await outputs(world)) == 1
    assert (await world.client.status(RUN)).status is RunStatus.RUNNING


async def test_an_id_makes_it_count_once(world):
    await world.coordinator()
    await world.start(TWO)

    await send(world, 1, **{"Nats-Msg-Id": "s1"})
    await world.pass_by(60.0)  # the stream has forgotten the id
    await send(world, 1, **{"Nats-Msg-Id": "s1"})
    assert await outputs(world) == {"a": 1}
    await world.client.signal(RUN, "paid", 2, signal_id="s2")
    await settle()

    assert await outputs(world) == {"a": 1, "b": 2}


async def test_an_id_of_one_run_is_none_of_another(world):
    await world.coordinator()
    await world.start(TWO)

    # The server knows ids of messages, whatever run they are for: the client's has the run's in it
    await world.backend.commands.send("signal.another.paid", b"1", {"Nats-Msg-Id": "s1"})
    await world.client.signal(RUN, "paid", 1, signal_id="s1")
    await send(world, 2, **{"Nats-Msg-Id": f"{RUN}.s1"})
    await send(world, 3, **{"Nats-Msg-Id": f"{RUN}.s2"})
    await world.pass_by(60.0)
    await send(world, 4, **{"Nats-Msg-Id": "s2"})

    assert await outputs(world) == {"a": 1, "b": 3}


async def test_a_step_takes_the_one_that_it_means(world):
    await world.coordinator()
    match = "signal.order == input.order"
    await world.start(Workflow("w", (waits("a", match),)), {"order": 7})

    await send(world, {"order": 1})
    assert await outputs(world) == {}
    await send(world, {"order": 7})

    assert await outputs(world) == {"a": {"order": 7}}


@pytest.mark.parametrize("match", ["signal.order == 7", "signal.order"])
async def test_a_match_that_has_no_value_fails_the_step(world, match):
    await world.coordinator()
    await world.start(Workflow("w", (waits("a", match),)))

    await send(world, {"order": "x"} if match == "signal.order" else 3)

    step = await step_of(world, "a")
    assert step.status is StepStatus.FAILED
    assert step.error.startswith(f"ExpressionError: '{match}'")
    [(signal, _)] = await world.stores.signals.of(RUN, "paid")
    assert signal.taken_by == ""


async def test_a_signal_that_does_not_come_in_time_is_a_failure(world):
    await world.coordinator()
    await world.start(Workflow("w", (waits("a", timeout="${input.limit}"),)), {"limit": "1m"})

    await world.pass_by(59.0)
    assert (await step_of(world, "a")).status is StepStatus.RUNNING
    await world.pass_by(1.0)

    assert (await step_of(world, "a")).error == "Timeout: no signal 'paid' came in time"
    assert (await world.client.status(RUN)).status is RunStatus.FAILED


async def test_a_wait_without_a_limit_is_no_standstill(world):
    await world.coordinator()
    await world.start(ONE)
    rebuilt = world.rebuilt

    await world.pass_by(400.0)

    assert world.rebuilt == rebuilt
    assert await world.backend.steps.backlog() == {RUN: ["a"]}


async def test_a_signal_of_a_run_that_begins_later_is_kept(world):
    await world.coordinator()
    await world.client.register(ONE)
    await world.client.start("w", run_id=RUN, delay=60.0)
    await settle()

    await send(world, 1)
    await world.pass_by(61.0)

    assert await outputs(world) == {"a": 1}


async def test_an_empty_body_says_null(world):
    await world.coordinator()
    await world.start(ONE)

    await world.backend.commands.send(f"signal.{RUN}.paid", b"", {})
    await settle()

    assert await outputs(world) == {"a": None}


async def test_signals_are_removed_with_their_run(world):
    await world.coordinator()
    await world.start(replace(ONE, retention=60.0))
    await send(world, 1, **{"Nats-Msg-Id": "s1"})
    assert await world.backend.runs.keys("signal.>")
    assert await world.backend.runs.keys("heard.>")

    await world.pass_by(120.0)

    assert await world.backend.runs.keys(">") == []


async def test_a_wait_is_cancelled(world):
    await world.coordinator()
    await world.start(ONE)

    await world.client.cancel(RUN)
    await settle()

    assert (await world.client.status(RUN)).status is RunStatus.CANCELLED
    assert await world.backend.steps.backlog() == {}


async def test_many_that_wait_for_many_signals_read_each_a_few_times(world, monkeypatch):
    many, read, reads = 40, world.backend.runs.read, []

    async def counted(key):
        reads.append(key)
        return await read(key)

    await world.coordinator()
    loop = replace(waits("each"), for_each=ForEach(list(range(many))))
    await world.start(Workflow("w", (loop,)))
    monkeypatch.setattr(world.backend.runs, "read", counted)

    for number in range(many):
        await world.client.signal(RUN, "paid", number)
    await settle()

    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    taken = (await world.client.result(RUN)).output["each"]
    assert sorted(taken) == list(range(many))
    assert len([key for key in reads if key.startswith("signal.")]) <= 10 * many

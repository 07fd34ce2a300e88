"""Whole runs in one process: what handlers put out is what a client gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from flowworker import App, wiring
from flowworker.client import Client
from flowworker.core.model import Escalation, Fallback, Saga, Step, Workflow
from flowworker.core.status import RunStatus, StepStatus
from flowworker.errors import InvalidInput, RunFailed
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT

app = App()


@app.step("double")
async def double(ctx):
    await ctx.emit("number.doubled", {"n": ctx.input["n"]})
    return {"n": 2 * ctx.input["n"]}


@app.step("large")
async def large(ctx):
    return "x" * 100_000


@app.step("nest")
async def nest(ctx):
    value: list[object] = []
    for _ in range(ctx.input["levels"] - 1):
        value = [value]
    return value


@app.step("refuse")
async def refuse(ctx):
    raise ValueError("no")


@app.step("undo")
async def undo(ctx):
    return None


ASK = Escalation()
WORKFLOWS = (
    Workflow("doubled", (Step("a", "double"),)),
    Workflow("large", (Step("a", "large"),)),
    Workflow("nested", (Step("a", "nest"), Step("b", "nest", ("a",)))),
    Workflow("refused", (Step("a", "refuse"),)),
    Workflow("incomplete", (Step("a", "nobody.has"),)),
    Workflow(
        "undone",
        (
            Step("a", "refuse", fallback=Fallback("double"), saga=Saga("undo")),
            Step("b", "refuse", ("a",)),
        ),
    ),
    Workflow("asked", (Step("a", "refuse", escalation=ASK), Step("b", "refuse", escalation=ASK))),
)


@pytest_asyncio.fixture
async def fleet(client: Client, backend: Backend, coordinator: None) -> AsyncIterator[Client]:
    for workflow in WORKFLOWS:
        await client.register(workflow)
    made = wiring.make_worker(stores_of(backend), app, Metrics(CollectorRegistry()))
    await made.start()
    yield client
    await made.drain()


async def waiting(client: Client, run: str, count: int) -> None:
    """Until so many steps wait for a human."""
    async with aclosing(client.watch(run)) as events:
        async for event in events:
            count -= event["type"] == "workflow.waiting_human"
            if count == 0:
                return


async def test_a_run_in_one_call(fleet):
    result = await fleet.run("doubled", {"n": 21}, timeout=WAIT_LIMIT, priority="low")

    assert result.status is RunStatus.COMPLETED
    assert result.output == {"a": {"n": 42}}
    assert result.raise_for_status() is result


async def test_a_step_shows_for_which_handler_it_waits(fleet):
    run = await fleet.start("incomplete")
    async with aclosing(fleet.watch(run)) as events:
        async for event in events:
            if event["type"] == "workflow.step.waiting_handler":
                break

    (step,) = (await fleet.status(run)).steps
    assert (step.status, step.waits_for) == (StepStatus.PENDING, "nobody.has")

    await fleet.cancel(run)
    assert (await fleet.result(run, WAIT_LIMIT)).status is RunStatus.CANCELLED
    (step,) = (await fleet.status(run)).steps
    assert (step.status, step.waits_for) == (StepStatus.CANCELLED, "")


async def test_a_step_shows_its_own_times_beside_those_of_its_compensation(fleet):
    result = await fleet.run("undone", {"n": 1}, timeout=WAIT_LIMIT)
    reported = {
        (event["type"], event["data"].get("step_id")): event["data"]["at"]
        for event in await fleet.history(result.id)
        if event["type"].startswith("workflow.")
    }

    first, second = (await fleet.status(result.id)).steps

    assert first.status is StepStatus.COMPENSATED
    assert first.started_at == reported["workflow.step.started", "a"]
    assert first.finished_at == reported["workflow.step.completed", "a"]
    assert first.finished_at <= first.undo_started_at <= first.undo_finished_at
    assert first.undo_finished_at == reported["workflow.step.compensated", "a"]
    assert (second.undo_started_at, second.finished_at > 0) == (0.0, True)


async def test_large_outputs_are_loaded(fleet):
    assert (await fleet.run("large", timeout=WAIT_LIMIT)).output == {"a": "x" * 100_000}


async def test_a_run_that_failed_says_so(fleet):
    result = await fleet.run("refused", timeout=WAIT_LIMIT)

    assert (result.status, result.output) == (RunStatus.FAILED, {})
    with pytest.raises(RunFailed, match=r"\(refused\) ended FAILED: .*ValueError: no"):
        result.raise_for_status()


async def test_what_handlers_emit_stands_in_the_history(fleet):
    result = await fleet.run("doubled", {"n": 1}, timeout=WAIT_LIMIT)

    events = {event["type"]: event for event in await fleet.history(result.id)}

    assert events["number.doubled"]["data"]["n"] == 1
    assert events["number.doubled"]["source"] == f"/shop/doubled/{result.id}"


async def test_several_steps_wait_for_a_human(fleet):
    run = await fleet.start("asked")
    await waiting(fleet, run, 2)
    view = await fleet.status(run)

    assert view.status is RunStatus.WAITING_HUMAN
    assert view.waiting == ("a", "b")
    with pytest.raises(InvalidInput, match=r"several steps of run .* wait, say which one: a, b"):
        await fleet.resume(run, "skip")
    with pytest.raises(InvalidInput, match=r"step 'c' .* does not wait for a human; a, b does"):
        await fleet.resume(run, "skip", "c")
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        await fleet.resume(run, "complete", "a", object())

    await fleet.resume(run, "complete", "a", {"by": "hand"})
    await fleet.resume(run, "skip", "b")
    result = await fleet.result(run, 20)

    assert result.output == {"a": {"by": "hand"}}
    steps = {step.id: step for step in (await fleet.status(run)).steps}
    assert [steps["a"].status, steps["b"].status] == [StepStatus.COMPLETED, StepStatus.SKIPPED]
    assert steps["a"].error == ""
    assert steps["a"].worker


async def test_an_answer_above_one_message_is_a_steps_output(fleet):
    run = await fleet.start("asked")
    await waiting(fleet, run, 2)

    await fleet.resume(run, "complete", "a", "x" * 2_000_000)
    await fleet.resume(run, "complete", "b", "small")

    assert (await fleet.result(run, WAIT_LIMIT)).output == {"a": "x" * 2_000_000, "b": "small"}


async def test_the_deepest_value_that_is_let_in_is_read_everywhere(fleet):
    deepest = 255 * '{"a":' + "1" + 255 * "}"
    value = {"levels": 256, "a": msgspec.json.decode(deepest)}

    result = await fleet.run("nested", value, timeout=WAIT_LIMIT)

    assert result.output["b"] == msgspec.json.decode(256 * "[" + 256 * "]")


async def test_an_output_that_others_could_not_read_fails_its_step(fleet):
    result = await fleet.run("nested", {"levels": 257}, timeout=WAIT_LIMIT)

    assert result.status is RunStatus.FAILED
    assert "output.a: nested deeper than 256 levels" in result.error

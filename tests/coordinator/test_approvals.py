"""Steps that ask a human: answered once, judged before, and no failure."""

from __future__ import annotations

import pytest

from flowworker.core.for_each import ForEach
from flowworker.core.model import Approval, Escalation, Step, Workflow
from flowworker.core.status import RunStatus, StepStatus
from flowworker.errors import InvalidInput
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN
from tests.coordinator.signalling import outputs, rejections, step_of

SCHEMA = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}}
ASKS = Step("ask", approval=Approval("Pay ${string(input.amount)}?", SCHEMA, 3600.0))
ONE = Workflow("w", (ASKS,))


async def begun(world, workflow=ONE):
    await world.coordinator()
    await world.start(workflow, {"amount": 7})


async def control(world, action, body, **headers):
    await world.backend.commands.send(f"control.{action}.{RUN}", body, headers)
    await settle()


async def test_a_step_asks_and_completes_with_the_answer(world):
    await begun(world)
    view = await world.client.status(RUN)
    assert (view.status, view.waiting) == (RunStatus.WAITING_HUMAN, ("ask",))
    assert view.steps[0].prompt == "Pay 7?"
    assert [run.id for run in await world.client.list(RunStatus.WAITING_HUMAN)] == [RUN]

    await world.client.approve(RUN, output={"amount": 7}, reason="fine", actor="Ada")
    await settle()

    step = await step_of(world, "ask")
    assert (step.status, step.actor, step.reason) == (StepStatus.COMPLETED, "Ada", "fine")
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await outputs(world) == {"ask": {"amount": 7}}
    assert [kind for kind, _ in await world.history()] == [
        *("started", "waiting_human", "step.started", "human_decided", "step.completed"),
        "completed",
    ]
    asked = next(e for e in await world.client.history(RUN) if "waiting" in e["type"])
    assert asked["data"]["reason"] == "Pay 7?"
    decided = next(e for e in await world.client.history(RUN) if "decided" in e["type"])
    assert decided["data"]["actor"] == "Ada"
    assert decided["data"]["reason"] == "fine"
    assert await world.backend.steps.backlog() == {}


async def test_a_prompt_without_a_value_fails_its_step(world):
    asks = Step("ask", approval=Approval("Pay ${string(input.amuont)}?"))
    await begun(world, Workflow("w", (asks,)))
    asked, *_ = [e for e in await world.client.history(RUN) if "waiting" in e["type"]]
    assert asked["data"]["reason"] == "Pay ${string(input.amuont)}?"
    view = await world.client.status(RUN)
    assert view.status is RunStatus.FAILED
    assert "ExpressionError" in view.error


async def test_a_rejected_step_fails(world):
    await begun(world)

    await world.client.reject(RUN, "too much", actor="Ada")
    await settle()

    step = await step_of(world, "ask")
    assert (step.status, step.error) == (StepStatus.FAILED, "Rejected: by Ada: too much")
    assert (await world.client.status(RUN)).status is RunStatus.FAILED


async def test_what_a_rejection_leads_to_is_the_steps_policy(world):
    asks = Step("ask", approval=Approval(), escalation=Escalation())
    await begun(world, Workflow("w", (asks,)))
    await world.client.reject(RUN, "no")
    await settle()
    assert (await world.client.status(RUN)).waiting == ("ask",)

    with pytest.raises(InvalidInput, match="answer it by resume"):
        await world.client.approve(RUN)
    await world.client.resume(RUN, "retry")
    await settle()
    assert (await world.client.status(RUN)).status is RunStatus.WAITING_HUMAN
    await world.client.approve(RUN)
    await settle()

    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await outputs(world) == {"ask": {}}


async def test_nobody_answers_in_time(world):
    await begun(world, Workflow("w", (Step("ask", approval=Approval(timeout=60.0)),)))

    await world.pass_by(61.0)

    assert (await step_of(world, "ask")).error == "Timeout: nobody answered in time"
    assert (await world.client.status(RUN)).status is RunStatus.FAILED


async def test_an_output_is_judged_before_it_is_accepted(world):
    await begun(world)

    with pytest.raises(InvalidInput, match="amount"):
        await world.client.approve(RUN, output={"amount": "7"})
    await control(world, "approve", b'{"output": {"amount": "7"}}')

    [reason] = await rejections(world)
    assert reason.startswith("control.approve: the output of step 'ask': $.amount: ")
    assert (await world.client.status(RUN)).status is RunStatus.WAITING_HUMAN
    await control(world, "approve", b'{"output": {"amount": 8}}', **{"Flow-Actor": "Bob"})
    assert (await step_of(world, "ask")).actor == "Bob"


@pytest.mark.parametrize(
    ("action", "body", "problem"),
    [
        (
            "approve",
            b'{"step": "other"}',
            "control.approve: expected step 'other' of 'r1' to ask",
        ),
        ("reject", b'{"step": "other"}', "control.reject: expected step 'other' of 'r1' to ask"),
        ("resume", b'{"action": "approve"}', "control.resume: `action` is missing"),
    ],
)
async def test_an_answer_that_fits_nothing_is_rejected(world, action, body, problem):
    await begun(world)

    await control(world, action, body)

    [reason] = await rejections(world)
    assert reason.startswith(problem)
    assert (await world.client.status(RUN)).status is RunStatus.WAITING_HUMAN


async def test_an_answer_meant_for_a_failure_changes_nothing(world):
    await begun(world)

    await control(world, "resume", b'{"action": "skip"}')
    with pytest.raises(InvalidInput, match="step 'ask' of run r1 asks; answer it by approve or"):
        await world.client.resume(RUN, "skip")

    assert (await world.client.status(RUN)).waiting == ("ask",)


async def test_an_instance_of_a_loop_is_named_as_people_see_it(world):
    asks = Step("ask", approval=Approval(schema=SCHEMA), for_each=ForEach([1, 2]))
    await begun(world, Workflow("w", (asks,)))

    with pytest.raises(InvalidInput, match=r"the output of step 'ask\[1\]': "):
        await world.client.approve(RUN, "ask[1]")
    await control(world, "approve", b'{"step": "ask[1]"}')

    [reason] = await rejections(world)
    assert reason.startswith("control.approve: the output of step 'ask[1]': ")


async def test_two_ask_and_each_is_answered(world):
    two = Workflow("w", (Step("a", approval=Approval("A?")), Step("b", approval=Approval("B?"))))
    await begun(world, two)
    with pytest.raises(InvalidInput, match="say which one"):
        await world.client.approve(RUN)

    await world.client.approve(RUN, "b", {"b": 1})
    await settle()
    assert (await world.client.status(RUN)).waiting == ("a",)
    await world.client.approve(RUN, output={"a": 1})
    await settle()

    assert await outputs(world) == {"b": {"b": 1}, "a": {"a": 1}}
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED


async def test_the_first_answer_stands(world):
    await begun(world)

    for body in (b'{"output": {"amount": 1}}', b'{"output": {"amount": 2}}'):
        await world.backend.commands.send(f"control.approve.{RUN}", body, {})
    await settle()

    assert await outputs(world) == {"ask": {"amount": 1}}


async def test_an_answer_outlives_its_coordinator(world):
    """It died after it had heard of the answer, before the step's record said so."""
    await begun(world)
    save = world.stores.runs.save_step

    async def fails(queue, record, revision):
        raise RuntimeError("dies")

    world.stores.runs.save_step = fails
    await world.client.approve(RUN, output={"amount": 7})
    await settle()
    world.stores.runs.save_step = save
    await world.coordinator()
    await world.pass_by(60.0)

    assert await outputs(world) == {"ask": {"amount": 7}}
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED


async def test_a_question_outlives_its_coordinator(world):
    first = await world.coordinator()
    await world.start(ONE, {"amount": 7})
    await first.stop()
    await world.coordinator()
    await world.pass_by(600.0)
    assert (await world.client.status(RUN)).waiting == ("ask",)

    await world.client.approve(RUN, output={"amount": 7})
    await settle()

    assert [kind for kind, _ in await world.history()].count("waiting_human") == 1
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("action", ["cancel", "terminate"])
async def test_a_run_that_asks_is_stopped(world, action):
    await begun(world)

    await getattr(world.client, action)(RUN)
    await settle()

    view = await world.client.status(RUN)
    assert (view.status, view.steps[0].status) == (RunStatus.CANCELLED, StepStatus.CANCELLED)

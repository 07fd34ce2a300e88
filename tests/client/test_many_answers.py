"""Answers and signals to many runs: each once, however often they are sent."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from flowworker.acts import Approve, Reject, Resume, Signal
from flowworker.client import Client
from flowworker.core.model import Approval, Escalation, Step, WaitFor, Workflow
from flowworker.core.status import RunStatus, StepStatus
from flowworker.stores.stores import stores_of
from tests.client.many import (
    ALREADY,
    REFUSED,
    REQUESTED,
    asking,
    events,
    outcomes,
    started,
    until,
    until_asked,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("coordinator")

HEARS = Workflow(name="hears", steps=(Step(id="hear", wait_for=WaitFor("go")),))
FAILS = Workflow(
    name="fails", steps=(Step(id="ok", approval=Approval("Ship?"), escalation=Escalation()),)
)


async def test_one_question_is_answered_and_no_later_one(client):
    runs = await asking(client)
    yes = Approve("ok", {"by": "Ada"}, actor="Ada")

    first = await outcomes(client, runs, yes)
    for run in runs:
        await until_asked(client, run, "sure")
    second = await outcomes(client, runs, yes)

    assert first == dict.fromkeys(runs, REQUESTED)
    assert second == dict.fromkeys(runs, ALREADY)
    for run in runs:
        assert (await client.status(run)).waiting == ("sure",)
        assert len(await events(client, run, "human_decided")) == 1
    # And what was approved is not rejected any more, nor does a run answer what it does not ask
    refused = await outcomes(client, runs, Reject("ok", "too late"))
    unknown = await outcomes(client, runs, Approve("nothing"))
    assert {*refused.values(), *unknown.values()} == {REFUSED}


async def test_a_rejection_is_one_and_an_answer_that_does_not_fit_is_refused(client):
    [run, other] = await asking(client)

    assert await outcomes(client, [other], Approve("ok", {})) == {other: REFUSED}
    assert await outcomes(client, [run], Reject("ok", "no stock")) == {run: REQUESTED}
    await until(client, [run], RunStatus.FAILED)

    assert await outcomes(client, [run], Reject("ok", "no stock")) == {run: ALREADY}
    assert await outcomes(client, [run], Approve("ok", {"by": "Ada"})) == {run: REFUSED}
    assert (await client.status(run)).steps[0].status is StepStatus.FAILED


async def has_failed(client, run):
    step = (await client.status(run)).steps[0]
    return step.error and step.status is StepStatus.WAITING_HUMAN


async def failed(client, count):
    """Runs with a step that has failed, and about which somebody is asked."""
    await client.register(FAILS)
    runs = await started(client, count, "fails")
    for run in runs:
        await until_asked(client, run, "ok")
    await reject(client, runs)
    return runs


async def reject(client, runs):
    assert await outcomes(client, runs, Reject("ok", "no")) == dict.fromkeys(runs, REQUESTED)
    for run in runs:
        await eventually(partial(has_failed, client, run))


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        (Approve("ok", {"by": "Ada"}), asking),
        (Reject("ok", "no"), asking),
        (Resume("retry", "ok"), failed),
    ],
    ids=["approve", "reject", "resume"],
)
async def test_an_answer_that_is_sent_twice_does_not_answer_the_next_question(
    client, backend, monkeypatch, act, asked
):
    # Given two that answer before either is followed: one of them was killed and called again
    [run] = await asked(client, 1)
    kept = []
    send = backend.commands.send

    async def sent(*message):
        kept.append(await send(*message))
        return kept[-1]

    monkeypatch.setattr(backend.commands, "send", sent)
    others = (Client(stores_of(backend)) for _ in range(2))
    said = await asyncio.gather(*(outcomes(other, [run], act) for other in others))

    # Then one message is kept
    assert said == [{run: REQUESTED}] * 2
    assert kept[0] == kept[1]


async def test_runs_that_wait_after_a_failure_are_answered_once(client):
    runs = await failed(client, 3)

    assert await outcomes(client, runs, Resume("retry", "ok")) == dict.fromkeys(runs, REQUESTED)
    for run in runs:
        await eventually(partial(asks_in_turn, client, run, 2))
    # What it asks then is no failure, and has not been answered; what fails then is another one
    assert await outcomes(client, runs, Resume("skip", "ok")) == dict.fromkeys(runs, REFUSED)
    await reject(client, runs)
    assert await outcomes(client, runs, Resume("skip", "ok")) == dict.fromkeys(runs, REQUESTED)
    await until(client, runs, RunStatus.COMPLETED)
    assert await outcomes(client, runs, Resume("skip", "ok")) == dict.fromkeys(runs, ALREADY)
    assert await outcomes(client, runs, Resume("cancel", "ok")) == dict.fromkeys(runs, REFUSED)


async def asks_in_turn(client, run, turn):
    step = (await client.status(run)).steps[0]
    return (step.turn, step.prompt) == (turn, "Ship?")


async def test_each_run_hears_a_signal_once(client, backend):
    await client.register(HEARS)
    runs = await started(client, 3, "hears")

    first = await outcomes(client, runs, Signal("go", {"by": "Ada"}))
    await until(client, runs, RunStatus.COMPLETED)
    second = await outcomes(Client(stores_of(backend)), runs, Signal("go", {"by": "Ada"}))

    assert first == dict.fromkeys(runs, REQUESTED)
    assert second == dict.fromkeys(runs, ALREADY)
    for run in runs:
        assert (await client.status(run)).steps[0].status is StepStatus.COMPLETED
        assert len(await events(client, run, "signalled")) == 1
    # And what is said once more, or is something else, is refused by what has ended
    for other in (
        Signal("go", {"by": "Bob"}),
        Signal("go", {"by": "Ada"}, "again"),
        Signal("no go"),
    ):
        assert await outcomes(client, runs, other) == dict.fromkeys(runs, REFUSED)


async def test_a_signal_with_an_id_is_known_by_it(client):
    await client.register(HEARS)
    runs = await started(client, 2, "hears")
    await client.signal(runs[0], "other", signal_id="s-1")
    await eventually(lambda: events(client, runs[0], "signalled"))

    sent = await outcomes(client, runs, Signal("go", id="s-1"))

    assert sent == {runs[0]: ALREADY, runs[1]: REQUESTED}

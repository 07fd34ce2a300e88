"""`Client.why`: a diagnosis of what can be read, of real runs on the memory adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowworker.client import Client, ReasonKind, lookup
from flowworker.core.model import Approval, Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput, PermissionDenied, RunNotFound
from flowworker.stores.stores import stores_of
from tests.support.waiting import eventually

DEEP = Step("deep", "make", queue="gpu", priority="${input.p}")
WAITS = Workflow(
    "waits",
    (
        Step("make", "make"),
        Step("later", "make", ("make",)),
        Step("ask", approval=Approval("Pay?")),
        Step("inner", steps=(DEEP,), with_={"p": "low"}),
    ),
)


@pytest.fixture
async def run(client, coordinator):
    await client.register(WAITS)
    run = await client.start("waits", run_id="r-1")

    async def deep_waits():
        found = await client.why(run, children=True)
        kinds = {one.id: one.reasons[0].kind for one in found.steps}
        below = [one.reasons[0].kind for child in found.children for one in child.steps]
        return kinds.get("ask") is ReasonKind.APPROVAL and below == [ReasonKind.NO_WORKER]

    await eventually(deep_waits)
    return run


async def test_each_step_has_a_reason(client, run):
    found = await client.why(run, children=True)

    kinds = {one.id: [reason.kind for reason in one.reasons] for one in found.steps}
    assert kinds == {
        "make": [ReasonKind.NO_WORKER],
        "later": [ReasonKind.DEPENDENCY],
        "ask": [ReasonKind.APPROVAL],
        "inner": [ReasonKind.CHILD],
    }
    [child] = found.children
    assert child.run == {one.id: one for one in found.steps}["inner"].reasons[0].subjects[0]
    assert child.steps[0].reasons[0].subjects == ("gpu",)


async def test_one_step_can_be_asked_about(client, run):
    [found] = (await client.why(run, "later")).steps

    assert found.id == "later"
    with pytest.raises(InvalidInput, match="has no step 'nosuch'"):
        await client.why(run, "nosuch")


async def test_views_have_the_same(client, run):
    view = await client.status(run, children=True, why=True)

    assert {one.id: one.why[0].kind for one in view.steps} == {
        "make": ReasonKind.NO_WORKER,
        "later": ReasonKind.DEPENDENCY,
        "ask": ReasonKind.APPROVAL,
        "inner": ReasonKind.CHILD,
    }
    assert view.children[0].steps[0].why[0].kind is ReasonKind.NO_WORKER
    assert [one.why for one in (await client.status(run)).steps] == [()] * 4


async def test_a_run_that_has_ended_waits_for_nothing(client, run):
    await client.terminate(run)
    await client.result(run, timeout=10.0)

    found = await client.why(run, children=True)
    assert (found.status, found.reasons, found.steps) == (RunStatus.CANCELLED, (), ())


async def test_a_message_that_is_missing_is_a_coordinators(client, backend, run):
    await backend.steps.drop(run)

    [found] = (await client.why(run, "make")).steps
    assert found.reasons[0].kind is ReasonKind.NO_COORDINATOR


async def test_what_a_user_may_not_read_is_left_out(backend, run):
    class Refused:
        async def places(self, _):
            raise PermissionDenied("not for you")

        async def entries(self, _):
            raise PermissionDenied("not for you")

    limited = Client(stores_of(replace(backend, steps=Refused(), presences=Refused())))

    [found] = (await limited.why(run, "make")).steps
    assert [(one.kind, one.text) for one in found.reasons] == [
        (ReasonKind.QUEUE, "waits in queue 'default', at a place that is not known")
    ]


async def test_a_record_that_cannot_be_read_is_named(client, backend, run):
    await backend.runs.put("step.default.r-1.make", b"odd")

    found = {one.id: one.reasons[0] for one in (await client.why(run)).steps}
    assert found["make"].kind is ReasonKind.BROKEN
    assert found["later"].text == "waits for make (PENDING)"


async def test_a_start_that_nobody_has_taken_in(client, monkeypatch):
    monkeypatch.setattr(lookup, "APPEARS", (0.0,))
    run = await client.start("order.fulfil", {"order": 7})

    found = await client.why(run)

    assert [one.kind for one in found.reasons] == [ReasonKind.NO_COORDINATOR]
    with pytest.raises(RunNotFound):
        await client.why("nosuch")

"""Reruns that are refused, those by another definition, and what is known before."""

from __future__ import annotations

import json

import pytest

from flowworker import HumanAction, RunStatus, parse
from flowworker.clock import SystemClock
from flowworker.codec.subjects import CommandKind
from flowworker.errors import InvalidInput, PayloadTooLarge, RunIdTaken, RunNotFound
from flowworker.stores.removal import remove_run
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.coordinator.rerunning import FLOW, SETTINGS
from tests.coordinator.support import parts_of
from tests.support.tails import Unflushed
from tests.support.waiting import WAIT_LIMIT, eventually


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"from": "cc"}, "the definition order has no step 'cc': did you mean 'c'?"),
        ({"from": "c", "failed": True}, "expected `from` or `failed`, found both"),
        ({"definition": "newest"}, "Invalid enum value 'newest'"),
        ({"form": "c"}, "unknown field `form`"),
        ({"input": [1]}, "input must be a JSON object, found list"),
        ({"input": {"n": "x"}}, '"x" is not of type "integer"'),
        ({"stored": {"key": "x.upload.y", "size": 1, "digest": "d"}}, "an upload of this very run"),
    ],
)
async def test_who_asks_for_what_is_refused_hears_why(backend, flow, coordinator, body, reason):
    await flow.fails()

    seen = await backend.commands.send("control.rerun.r1", json.dumps(body).encode(), {})

    with pytest.raises(InvalidInput) as shown:
        await flow.client.result(f"seq-{seen:012d}", WAIT_LIMIT)
    assert reason in str(shown.value)
    kinds = [event["type"] for event in await flow.client.history("r1")]
    assert "workflow.rejected" not in kinds


async def test_a_run_that_completed_has_nothing_to_retry(flow, coordinator):
    flow.broken = False
    await flow.client.run("order", run_id="r1")

    run = await flow.client.retry("r1")

    with pytest.raises(InvalidInput, match="every step is completed, so nothing would run"):
        await flow.client.result(run, WAIT_LIMIT)


async def test_a_run_that_has_not_ended_is_refused(backend, flow, coordinator):
    await flow.client.register(
        parse("{name: asks, steps: [{id: a, uses: breaks, escalation: {}}]}")
    )
    await flow.client.start("asks", run_id="r1")

    async def waits():
        return (await flow.client.status("r1")).status is RunStatus.WAITING_HUMAN

    await eventually(waits)

    with pytest.raises(InvalidInput, match="run r1 has not ended: it is WAITING_HUMAN"):
        await flow.client.retry("r1")
    seen = await backend.commands.send("control.rerun.r1", b"", {})
    with pytest.raises(InvalidInput, match="run r1 has not ended: it is WAITING_HUMAN"):
        await flow.client.result(f"seq-{seen:012d}", WAIT_LIMIT)
    await flow.client.resume("r1", HumanAction.CANCEL)
    assert (await flow.client.result("r1", WAIT_LIMIT)).status is RunStatus.FAILED


async def test_a_run_that_does_not_exist_is_not_found(flow, coordinator):
    with pytest.raises(RunNotFound):
        await flow.client.retry("nobody")
    with pytest.raises(RunNotFound):
        await flow.client.plan_rerun("nobody", failed=True)


async def test_a_rerun_that_is_sent_again_is_the_same_and_another_is_refused(
    backend, flow, coordinator
):
    await flow.fails()
    headers = {"Nats-Msg-Id": "r2"}
    await flow.client.result(await flow.client.retry("r1", new_id="r2"), WAIT_LIMIT)

    async def again(body, of="r1"):
        """Sent when the stream has forgotten the id."""
        backend.commands._window = type(backend.commands._window)(SystemClock(), 0.0)
        sequence = await backend.commands.send(f"control.rerun.{of}", body, headers)
        rejected = f"seq-{sequence:012d}"

        async def over():
            left = await backend.commands.waiting(sequence - 1, CommandKind.RERUN)
            return left is None

        await eventually(over)
        events = await backend.events.history(rejected)
        return [json.loads(event.data)["data"]["reason"] for event in events]

    assert await again(b'{"failed": true}') == []
    (reason,) = await again(b'{"from": "a"}')
    assert reason == "run id r2 is taken by another run; choose another id"
    (reason,) = await again(b'{"failed": true, "input": {"n": 9}}')
    assert reason == "run id r2 is taken by a run with another input; choose another id"
    assert flow.called("r2") == "cd"


async def test_an_id_that_is_taken_is_refused_by_the_client(flow, coordinator):
    await flow.fails()
    await flow.client.result(await flow.client.retry("r1", new_id="r2"), WAIT_LIMIT)

    assert await flow.client.retry("r1", new_id="r2") == "r2"
    for of, taken, wanted in (("r1", "r1", {}), ("r1", "r2", {"from_step": "a"}), ("r2", "r2", {})):
        with pytest.raises(RunIdTaken, match=f"run id {taken} is taken by another run"):
            await flow.client.rerun(of, new_id=taken, **wanted)
    with pytest.raises(RunIdTaken, match="taken by a run with another input"):
        await flow.client.rerun("r1", new_id="r2", failed=True, input={"n": 9})


async def test_a_start_and_a_rerun_are_not_the_same_run(flow, coordinator):
    await flow.fails()
    await flow.client.result(await flow.client.retry("r1", new_id="r2"), WAIT_LIMIT)

    with pytest.raises(RunIdTaken, match="is a rerun of r1"):
        await flow.client.start("order", run_id="r2")


async def test_a_rerun_cannot_be_delayed(backend, flow, coordinator):
    await flow.fails()

    seen = await backend.commands.send("control.rerun.r1", b"", {"Flow-Delay": "10s"})

    with pytest.raises(InvalidInput, match="a rerun begins at once"):
        await flow.client.result(f"seq-{seen:012d}", WAIT_LIMIT)


async def test_a_client_says_at_once_what_cannot_be(flow, coordinator):
    await flow.fails()

    with pytest.raises(InvalidInput, match="found both"):
        await flow.client.rerun("r1", from_step="a", failed=True)
    with pytest.raises(InvalidInput, match="belong to starts without one"):
        await flow.client.rerun("r1", new_id="seq-1")
    with pytest.raises(PayloadTooLarge):
        await flow.client.rerun("r1", input={"text": "x" * 200_000})


# -- another definition --------------------------------------------------------------------


async def test_the_latest_definition_is_taken_if_that_is_asked_for(flow, coordinator):
    await flow.fails()
    longer = FLOW + "  - {id: e, uses: counts, depends_on: [d]}\n"
    await flow.client.register(parse(longer))

    old = await flow.client.result(await flow.client.retry("r1"), WAIT_LIMIT)
    new = await flow.client.result(
        await flow.client.rerun("r1", failed=True, latest=True), WAIT_LIMIT
    )

    assert (set(old.output), set(new.output)) == ({"d"}, {"e"})
    assert flow.called(new.id) == "cde"


async def test_a_definition_that_does_not_fit_is_refused_by_name(flow, coordinator):
    await flow.fails()
    await flow.client.register(parse(FLOW.replace("uses: large", "uses: counts")))

    planned = await flow.client.plan_rerun("r1", failed=True, latest=True)
    run = await flow.client.rerun("r1", failed=True, latest=True)

    (problem,) = planned.problems
    assert problem.startswith("step 'b' is kept, and has another `uses` in the definition order")
    with pytest.raises(InvalidInput, match="step 'b' is kept"):
        await flow.client.result(run, WAIT_LIMIT)


async def test_what_would_be_done_is_known_before(flow, coordinator):
    await flow.fails()

    planned = await flow.client.plan_rerun("r1", from_step="b")

    assert [(step.id, step.kept, step.why) for step in planned.steps] == [
        ("a", True, "it is COMPLETED"),
        ("b", False, "the rerun begins here"),
        ("c", False, "it is FAILED"),
        ("d", False, "it is CANCELLED"),
    ]
    assert len(await flow.client.list()) == 1


async def test_what_goes_while_it_is_read_is_not_taken_for_all_there_was(
    backend, flow, coordinator, monkeypatch
):
    await flow.fails()
    stores = stores_of(backend, SETTINGS)
    found = await stores.runs.load("r1")
    assert found is not None
    due = found[0].finished_at + SETTINGS.retention
    keys = backend.runs.keys

    async def and_they_go(pattern):
        named = await keys(pattern)
        if pattern.startswith("step."):
            monkeypatch.undo()
            await remove_run(stores, "r1", found[0], SystemClock())
        return named

    # Given a coordinator that has read the history when another one begins to remove the run
    monkeypatch.setattr(backend.runs, "keys", and_they_go)
    reruns = parts_of(stores, ManualClock(due - 1.0)).intake._reruns

    with pytest.raises(InvalidInput, match="run r1 is about to be removed"):
        await reruns._past("r1")


@pytest.mark.parametrize("goes", [False, True])
async def test_a_history_that_the_server_has_lost_is_not_taken_for_one_that_is_removed(
    backend, flow, coordinator, goes
):
    # Given a run that is to be removed soon, on a server that has lost its history
    await flow.fails()
    stores = stores_of(Unflushed(backend).backend, SETTINGS)
    found = await stores.runs.load("r1")
    assert found is not None
    due = found[0].finished_at + SETTINGS.retention
    parts = parts_of(stores, ManualClock(due - 1.0))
    if goes:
        assert await parts.retention.forgets_first(*found)
        parts = parts_of(stores, ManualClock(due + 59.0))
    await backend.events.drop("r1")

    asked = parts.intake._reruns._past("r1")

    if goes:
        with pytest.raises(InvalidInput, match="run r1 is about to be removed"):
            await asked
    else:
        past = await asked
        assert past is not None
        assert {*past.steps} == {"a", "b", "c"}

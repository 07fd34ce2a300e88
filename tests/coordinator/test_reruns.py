"""Reruns in one process: what is executed again, and what if the coordinator dies meanwhile."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from flowworker import RunFailed, RunStatus, Settings, wiring
from flowworker.clock import SystemClock
from flowworker.codec.json import decode_run, encode
from flowworker.coordinator.commands import reruns
from flowworker.coordinator.commands.controls import Controls
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.signals import Signals
from flowworker.core.status import StepStatus
from flowworker.stores.removal import remove_run
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.rerunning import world
from tests.coordinator.support import coordinated
from tests.support.faults import Flaky
from tests.support.waiting import WAIT_LIMIT, eventually


async def test_a_retry_does_what_was_not_completed(flow, coordinator):
    await flow.fails(n=1)

    run = await flow.client.retry("r1")
    result = await flow.client.result(run, WAIT_LIMIT)

    assert result.output == {"d": {"n": 2, "a": 2, "b": 20_000}}
    assert flow.called(run) == "cd"
    view = await flow.client.status(run)
    assert view.rerun_of == "r1"
    assert {step.id: step.kept_from for step in view.steps if step.kept_from} == {
        "a": "r1",
        "b": "r1",
    }
    listed = {one.id: one.rerun_of for one in await flow.client.list()}
    assert listed == {"r1": "", run: "r1"}


async def test_the_history_says_what_is_kept_and_nothing_of_an_execution(flow, coordinator):
    await flow.fails()

    run = await flow.client.retry("r1", new_id="r2")
    await flow.client.result(run, WAIT_LIMIT)

    shown = [
        (event["type"].removeprefix("workflow."), event["data"].get("step_id", ""))
        for event in await flow.client.history(run)
    ]
    assert sorted(shown[1:3]) == [("step.kept", "a"), ("step.kept", "b")]
    assert [kind for kind, step in shown if step in {"a", "b"}] == ["step.kept"] * 2
    first = (await flow.client.history(run))[0]["data"]
    assert first["rerun_of"] == "r1"


async def test_a_rerun_of_a_rerun_keeps_what_was_executed_long_before(flow, coordinator):
    await flow.fails()
    await flow.client.result(await flow.client.retry("r1", new_id="r2"), WAIT_LIMIT)

    run = await flow.client.rerun("r2", from_step="d", new_id="r3")

    assert (await flow.client.result(run, WAIT_LIMIT)).status is RunStatus.COMPLETED
    assert flow.called(run) == "d"
    steps = (await flow.client.status(run)).steps
    assert [step.kept_from for step in steps] == ["r1", "r1", "r2", ""]


async def test_another_input_is_seen_by_what_runs_again(flow, coordinator):
    await flow.fails(n=1)

    run = await flow.client.rerun("r1", failed=True, input={"m": 7})
    kept = (await flow.client.result(run, WAIT_LIMIT)).output["d"]
    run = await flow.client.rerun("r1", input={"n": 40})
    all_again = (await flow.client.result(run, WAIT_LIMIT)).output["d"]

    assert kept == {"n": 2, "a": 2, "b": 20_000}  # of what `a` put out
    assert all_again == {"n": 41, "a": 41, "b": 20_000}
    assert flow.called(run) == "abcd"


@pytest.mark.parametrize("sealed", [False, True])
async def test_what_is_kept_does_not_need_the_other_run_any_more(backend, tmp_path, sealed):
    (tmp_path / "keys").write_text(f"k1 {base64.b64encode(bytes(32)).decode()}\n")
    keys = str(tmp_path / "keys") if sealed else ""
    settings = Settings(payload_limit=100_000, payload_keys=keys)
    stores = stores_of(backend, settings)
    made = wiring.make_coordinator(stores, Metrics(CollectorRegistry()))
    await made.start()
    async with world(backend, settings) as flow:
        await flow.fails(n=1)
        await flow.client.result(await flow.client.retry("r1", new_id="r2"), WAIT_LIMIT)
        found = await stores.runs.load("r1")
        assert found is not None

        await remove_run(stores, "r1", found[0], SystemClock())
        run = await flow.client.rerun("r2", from_step="d")

        result = await flow.client.result(run, WAIT_LIMIT)
        assert result.output == {"d": {"n": 2, "a": 2, "b": 20_000}}
        assert flow.called(run) == "d"
    await made.stop()


# -- deaths --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["before", "after"])
@pytest.mark.parametrize("at", range(4))
async def test_whatever_write_fails_the_message_comes_again_and_goes_on(backend, flow, at, what):
    # Given a failed run, and a coordinator one of whose writes will fail: the record as PENDING,
    # those of two steps, and the record as RUNNING
    flaky = Flaky(backend.runs)
    coordinator = await coordinated(replace(backend, runs=flaky))
    await flow.fails()
    flaky.scripts = {"write": ["ok"] * at + [what]}

    run = await flow.client.retry("r1", new_id="r2")
    result = await flow.client.result(run, WAIT_LIMIT)

    assert result.status is RunStatus.COMPLETED
    assert flow.called(run) == "cd"
    kinds = Counter(event["type"] for event in await flow.client.history(run))
    assert kinds["workflow.started"] == kinds["workflow.completed"] == 1
    assert kinds["workflow.step.kept"] == 2
    await coordinator.stop()


async def test_two_coordinators_with_one_message_make_one_run(backend, flow, coordinator):
    other = await coordinated(backend)
    await flow.fails()
    seen = await backend.commands.send("control.rerun.r1", b'{"failed": true}', {})
    run = f"seq-{seen:012d}"

    result = await flow.client.result(run, WAIT_LIMIT)

    assert result.status is RunStatus.COMPLETED
    assert flow.called(run) == "cd"
    await other.stop()


async def begun(backend, flow):
    """A rerun of which the record and one step were written when its coordinator died."""
    flaky = Flaky(backend.runs)
    first = await coordinated(replace(backend, runs=flaky))
    await flow.fails()
    flaky.scripts = {"write": ["ok", "ok", *["before"] * 50]}
    run = await flow.client.retry("r1", new_id="r2")
    runs = stores_of(backend).runs

    async def is_pending():
        return await runs.load(run) is not None

    await eventually(is_pending)
    await first.stop()
    return run


async def test_nobody_drives_a_rerun_that_is_not_prepared(backend, flow):
    run = await begun(backend, flow)

    view = await flow.client.status(run)
    await flow.client.cancel(run, "not this one")
    coordinator = await coordinated(backend)
    result = await flow.client.result(run, WAIT_LIMIT)

    assert view.status is RunStatus.PENDING
    assert (result.status, result.error) in {
        (RunStatus.CANCELLED, "not this one"),
        (RunStatus.COMPLETED, ""),  # the control comes when the run has ended
    }
    assert set(flow.called(run)) <= {"c", "d"}
    await coordinator.stop()


@pytest.mark.parametrize("command", [Controls, Signals])
async def test_what_is_sent_to_a_rerun_that_is_not_prepared_comes_again(backend, flow, command):
    run = await begun(backend, flow)
    clock = SystemClock()
    rest = f"cancel.{run}" if command is Controls else f"{run}.go"
    delivery = SimpleNamespace(sequence=9, time=clock.now(), headers={}, data=b"{}")

    with pytest.raises(NotYet):
        await command(stores_of(backend), clock).take(rest, delivery)

    assert await flow.client.history(run) == []


async def test_a_run_that_is_shown_as_it_was_before_its_end_is_not_refused(
    backend, flow, coordinator, monkeypatch
):
    # Given a run that has ended, and a coordinator that is shown once what it was before
    await flow.fails()
    read = backend.runs.read
    raw, revision = await read("run.r1")
    before = structs.replace(decode_run("run.r1", raw), status=RunStatus.RUNNING)

    async def read_past(key):
        if key != "run.r1":
            return await read(key)
        monkeypatch.undo()
        return encode(before), revision - 1

    monkeypatch.setattr(backend.runs, "read", read_past)

    # When somebody wants it again
    seen = await backend.commands.send("control.rerun.r1", b'{"failed":true}', {})

    # Then it is looked at again, since its history has an end
    flow.broken = False
    result = await flow.client.result(f"seq-{seen:012d}", WAIT_LIMIT)
    assert result.status is RunStatus.COMPLETED


async def test_a_rerun_of_what_is_gone_by_then_fails_and_says_so(backend, flow, monkeypatch):
    asked: list[bool] = []

    def answer_is_too_old(*_):  # to show it, at first
        asked.append(not asked)
        return asked[-1]

    monkeypatch.setattr(reruns, "may_be_unseen", answer_is_too_old)
    run = await begun(backend, flow)
    stores = stores_of(backend)
    found = await stores.runs.load("r1")
    assert found is not None
    await remove_run(stores, "r1", found[0], SystemClock())

    coordinator = await coordinated(backend)
    result = await flow.client.result(run, WAIT_LIMIT)

    assert result.status is RunStatus.FAILED
    assert result.error == "run r1 is not there as it was: it was removed"
    assert flow.called(run) == ""
    assert asked[-1] is False
    await coordinator.stop()


async def test_a_rerun_that_fails_can_be_retried_itself(flow, coordinator):
    await flow.fails()
    flow.broken = True
    failed = await flow.client.result(await flow.client.retry("r1", new_id="r2"), WAIT_LIMIT)
    with pytest.raises(RunFailed):
        failed.raise_for_status()
    flow.broken = False

    run = await flow.client.retry("r2")

    assert (await flow.client.result(run, WAIT_LIMIT)).status is RunStatus.COMPLETED
    assert flow.called(run) == "cd"
    first = (await flow.client.status(run)).steps[0]
    assert (first.kept_from, first.status) == ("r1", StepStatus.COMPLETED)

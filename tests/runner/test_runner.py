"""`Runner`: the Go package's methods, on memory."""

from __future__ import annotations

import threading

import pytest

from flowworker import (
    DefinitionError,
    InMemStore,
    InvalidInput,
    RetryAfter,
    RunCancelled,
    RunFailed,
    RunIdTaken,
    Runner,
    RunStatus,
    Settings,
    Step,
    StepStatus,
    Workflow,
    WorkflowNotFound,
    parse,
)
from flowworker.definitions import InputValidator
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle

RUN = "run-1"
RECURSIVE = "{properties: {inner: {$ref: '#'}}}"


async def test_results_are_the_merged_map(runner, notes):
    notes.go_on.set()

    results = await runner.execute_sync(RUN, "chain", {"order": 7})

    assert results == {
        "order": 7,
        "first_done": True,
        "hung": True,
        "third_done": True,
        "first": {"first_done": True},
        "second": {"hung": True},
        "third": {"third_done": True},
        "input": {"order": 7},
        "_workflow_id": RUN,
    }
    assert await runner.status(RUN) is RunStatus.COMPLETED


async def test_one_id_is_one_execution(runner, notes):
    notes.go_on.set()

    first = await runner.execute_sync(RUN, "chain", {"order": 7})
    second = await runner.execute_sync(RUN, "chain", {"order": 7})
    with pytest.raises(RunIdTaken):
        await runner.execute_sync(RUN, "chain", {"order": 8})

    assert second == first
    assert notes.count() == {"first": 1, "second": 1, "third": 1}


async def test_execute_returns_at_once(runner, notes):
    notes.hangs_at = "second"
    run = await runner.execute("chain")
    await notes.reached.wait()
    assert await runner.status(run) is RunStatus.RUNNING

    notes.go_on.set()

    assert (await runner.execute_sync(run, "chain"))["_workflow_id"] == run


async def test_an_unknown_workflow_is_an_error(runner):
    with pytest.raises(WorkflowNotFound, match="chian"):
        await runner.execute("chian")
    with pytest.raises(WorkflowNotFound, match="chian"):
        await runner.execute_sync(RUN, "chian")
    assert await runner.get_state_store().get_state(RUN) == {}


@pytest.mark.parametrize("data", [[1], "text", 7])
async def test_an_input_that_is_no_object_is_an_error(runner, data):
    with pytest.raises(InvalidInput):
        await runner.execute("chain", data)


async def test_an_input_is_validated_before_anything_is_started(runner):
    runner.register(
        parse(
            "name: strict\ninput_schema: {type: object, required: [order]}\n"
            "steps: [{id: a, uses: ok}]\n"
        )
    )

    with pytest.raises(InvalidInput, match="order"):
        await runner.execute("strict", {})

    assert await runner.get_state_store().list_executions("RUNNING") == []


async def test_an_execution_has_labels(runner):
    runner.register(
        parse(
            "name: labelled\nsteps: [{id: a, uses: ok}]\noutput: {of: '${run.labels}'}\n"
            "input_schema: {properties: {team: {default: a}}, additionalProperties: true}\n"
            "labels: {team: '${input.team}', own: '${input.own}'}\n"
        )
    )

    found = await runner.execute_sync(RUN, "labelled", {}, labels={"own": "x", "more": "y"})
    assert found == {"of": {"team": "a", "own": "x", "more": "y"}}
    with pytest.raises(InvalidInput, match=r"label own: 'input\.own': input has no 'own'"):
        await runner.execute("labelled", {})
    with pytest.raises(InvalidInput, match="label own: expected a text of 1 to 256"):
        await runner.execute("labelled", {}, labels={"own": ""})


@pytest.mark.parametrize(("schema", "beside"), [("{type: object}", False), (RECURSIVE, True)])
async def test_an_input_that_is_not_judged_at_once_does_not_hold_up_the_loop(
    runner, monkeypatch, schema, beside
):
    judged_on = []
    right = InputValidator.check

    def check(self, value):
        judged_on.append(threading.current_thread())
        right(self, value)

    monkeypatch.setattr(InputValidator, "check", check)
    runner.register(parse(f"name: judged\ninput_schema: {schema}\nsteps: [{{id: a, uses: ok}}]\n"))

    await runner.execute_sync(RUN, "judged", {})

    assert judged_on
    assert all((one is not threading.main_thread()) is beside for one in judged_on)


async def test_what_is_over_is_no_concern_of_the_runner_any_more(runner):
    runner.register(parse("name: short\nsteps: [{id: a, uses: ok}]\n"))

    for _ in range(2):  # the second time it is over already
        await runner.execute_sync(RUN, "short")

    assert (await runner.running()).own == set()


async def test_of_an_unknown_execution_the_status_is_pending_and_cancelling_is_no_error(runner):
    assert await runner.status("unknown") is RunStatus.PENDING
    await runner.cancel("unknown")
    await runner.cancel("not an id")


async def test_a_cancelled_execution_ends(runner, notes):
    notes.hangs_at = "second"
    run = await runner.execute("chain")
    await notes.reached.wait()

    await runner.cancel(run)

    with pytest.raises(RunCancelled):
        await runner.execute_sync(run, "chain")
    assert await runner.status(run) is RunStatus.CANCELLED
    await runner.cancel(run)  # it is over, which is no error


async def test_a_cycle_that_was_built_by_hand_is_an_error_and_no_hang(runner):
    cyclic = Workflow(
        "cyclic",
        (Step("a", "ok", ("b",)), Step("b", "ok", ("a",))),
    )

    with pytest.raises(DefinitionError, match="a -> b -> a"):
        await runner.execute_sync_workflow(RUN, cyclic)
    with pytest.raises(DefinitionError):
        runner.register(cyclic)
    with pytest.raises(DefinitionError):
        await runner.execute_sync_workflow(RUN, Workflow("empty", ()))


async def test_a_workflow_need_not_be_registered(runner):
    workflow = parse("name: other\nsteps: [{id: a, uses: ok}]\n")

    results = await runner.execute_sync_workflow(RUN, workflow, {"n": 1})

    assert results["a"] == {"a_done": True}


async def test_a_failure_is_compensated_in_reverse_order_of_completion(runner, notes):
    with pytest.raises(RunFailed, match="declined"):
        await runner.execute_sync(RUN, "trip")

    done = [("book", "flight"), ("book", "hotel"), ("book", "car"), ("fail", "pay")]
    undone = [("undo", "car"), ("undo", "hotel"), ("undo", "flight")]
    assert notes.lines == done + undone
    assert await runner.get_state_store().get_state(RUN) == {
        "": "FAILED",
        "flight": StepStatus.COMPENSATED,
        "hotel": StepStatus.COMPENSATED,
        "car": StepStatus.COMPENSATED,
        "pay": StepStatus.FAILED,
    }


async def test_a_missing_handler_is_a_clear_error():
    settings = Settings(drain=0.05)
    async with InMemStore(settings=settings) as store, Runner(store=store) as runner:
        workflow = parse("name: w\nsteps: [{id: a, uses: nobody.has}]\n")

        with pytest.raises(RunFailed, match="no step handler found"):
            await runner.execute_sync_workflow(RUN, workflow)


async def test_a_handler_may_come_while_it_runs(runner):
    await runner.running()
    runner.register_handler("late", lambda ctx: {"late": True})

    results = await runner.execute_sync_workflow(
        RUN, parse("name: w\nsteps: [{id: a, uses: late}]\n")
    )

    assert results["late"] is True
    with pytest.raises(InvalidInput, match="registered twice"):
        runner.register_handler("late", lambda ctx: None)


async def test_the_runtime_is_what_was_set_last(runner):
    await runner.running()
    runner.register_handler("shows", lambda ctx: {"runtime": ctx.runtime})
    workflow = parse("name: w\nsteps: [{id: a, uses: shows}]\n")

    runner.set_runtime("one")
    assert (await runner.execute_sync_workflow(RUN, workflow))["runtime"] == "one"
    runner.set_runtime("two")
    assert (await runner.execute_sync_workflow("run-2", workflow))["runtime"] == "two"


async def test_a_handler_says_when_to_try_again():
    # Given a policy that waits an hour, and a handler that knows better, once
    clock = ManualClock()
    store = InMemStore(settings=Settings(retention=36_000, drain=0.05), clock=clock)
    runner = Runner(store=store)
    attempts = []

    async def busy(ctx):
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            raise RetryAfter(20)

    runner.register_handler("busy", busy)
    runner.register(
        parse("name: w\nsteps: [{id: a, uses: busy, retry: {max_attempts: 2, interval: 1h}}]\n")
    )
    await runner.execute("w")
    await settle()

    # When less time passes than it asked for, nothing happens
    await clock.advance(19)
    assert attempts == [1]

    # When it is over, the next attempt begins
    await clock.advance(2)
    assert attempts == [1, 2]
    await runner.close()


async def test_a_workflow_with_schedules_is_refused(runner):
    text = "{name: w, steps: [{id: a, uses: u}], schedules: [{id: s, every: 1h}]}"

    with pytest.raises(InvalidInput, match="has schedules, which a Runner does not follow"):
        runner.register(parse(text))

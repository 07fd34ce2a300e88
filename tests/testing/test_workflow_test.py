"""What a user's test of a workflow can do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowworker import App, InvalidInput, RunStatus, StepStatus, parse
from flowworker.core.model import Step, Workflow
from flowworker.testing import WorkflowTest, fails, hangs, returns
from tests.testing.orders import ORDER, order, shop


@pytest.fixture
def flow():
    with WorkflowTest(shop(), order()) as flow:
        yield flow


def test_retries_of_three_hours_and_a_human_of_a_week(flow):
    # Given a charge that fails three times, and a parcel that nobody takes
    flow.replace("payments.charge", fails(TimeoutError("no answer"), times=3))
    flow.replace("shipping.ship", fails())

    # When it runs, then it waits for somebody, and hours have passed
    run = flow.run({"order_id": 7})
    assert run.status is RunStatus.WAITING_HUMAN
    assert run.waiting == ("ship",)
    assert run.step("charge").attempts == 4
    assert flow.elapsed == timedelta(hours=4)

    # When somebody comes a week later, then it goes on
    flow.advance(timedelta(weeks=1))
    assert run.status is RunStatus.WAITING_HUMAN
    flow.replace("shipping.ship", returns({"parcel": "by hand"}))
    run.resume("retry")
    assert run.completed
    assert run.output == {"ship": {"parcel": "by hand"}}
    assert flow.elapsed == timedelta(weeks=1, hours=4)


def test_what_became_of_a_run(flow):
    run = flow.run({"order_id": 7})

    assert run.completed
    assert run.error == ""
    assert run.result.output == run.output == {"ship": {"parcel": "p1"}}
    assert run.emitted == [("order.paid", {"order_id": 7})]
    types = [event["type"] for event in run.history]
    assert (types[0], types[-1]) == ("workflow.started", "workflow.completed")
    charge = run.step("charge")
    assert (charge.status, charge.attempts) == (StepStatus.COMPLETED, 1)
    assert charge.output == {"charge_id": "c7"}
    [call] = charge.calls
    assert (call.handler, call.turn, call.attempt) == ("payments.charge", 1, 1)
    assert (call.input["order_id"], call.input["reserved"]) == (7, 7)
    assert (call.at, call.error) == (timedelta(), None)
    assert flow.calls("payments.charge") == [call]
    assert [call.step_id for call in run.calls] == ["reserve", "charge", "ship"]


def test_a_failure_is_undone(flow):
    # Given a charge that cannot be repeated often enough
    flow.replace("payments.charge", fails(TimeoutError("no answer")))

    # When it runs
    run = flow.run({"order_id": 7})

    # Then
    assert run.status is RunStatus.FAILED
    assert "no answer" in run.error
    assert run.step("charge").error == "TimeoutError: no answer"
    assert run.step("charge").output is None
    assert run.step("reserve").status is StepStatus.COMPENSATED
    assert [call.kind for call in run.step("reserve").calls] == ["run", "compensate"]
    assert run.step("reserve").attempts == 1
    assert run.emitted == [("inventory.released", None)]
    assert flow.elapsed == timedelta(hours=3)


def test_a_handler_that_hangs_exceeds_the_time_limit_of_its_step(flow):
    flow.replace("payments.charge", hangs(times=1))

    run = flow.run({"order_id": 7})

    assert run.completed
    assert [call.at for call in run.step("charge").calls] == [
        timedelta(),
        timedelta(hours=1, seconds=30),
    ]


def test_operators_answer_cancel_and_terminate(flow):
    flow.replace("shipping.ship", fails())

    answered = flow.run({"order_id": 1}).resume("complete", output={"parcel": "by hand"})
    assert answered.output == {"ship": {"parcel": "by hand"}}
    cancelled = flow.run({"order_id": 2}).cancel("no longer wanted")
    assert cancelled.status is RunStatus.CANCELLED
    assert cancelled.step("reserve").status is StepStatus.COMPENSATED
    terminated = flow.run({"order_id": 3}).terminate()
    assert terminated.status is RunStatus.CANCELLED
    assert terminated.step("reserve").status is StepStatus.COMPLETED


def test_several_runs_at_once_take_no_longer_than_one(flow):
    flow.replace("payments.charge", fails(times=3))

    runs = [flow.start({"order_id": number}) for number in range(3)]
    assert {run.status for run in runs} == {RunStatus.RUNNING}
    assert all(run.wait().completed for run in runs)

    assert flow.elapsed == timedelta(hours=3)
    assert [run.id for run in runs] == ["run-1", "run-2", "run-3"]


def test_a_run_can_be_looked_at_on_its_way(flow):
    flow.replace("payments.charge", fails(times=3))
    run = flow.start({"order_id": 7})

    flow.advance(timedelta(minutes=90))

    assert run.step("charge").status is StepStatus.RETRYING
    assert run.step("charge").attempts == 2
    with pytest.raises(InvalidInput, match="run-1 has no result yet: it is RUNNING"):
        run.output  # noqa: B018
    assert run.wait().completed


def test_a_timeout_of_the_workflow_may_end_the_waiting_for_a_human():
    workflow = parse(ORDER.replace("steps:", "timeout: 2d\nsteps:", 1))
    with WorkflowTest(shop(), workflow) as flow:
        flow.replace("shipping.ship", fails())

        run = flow.run({"order_id": 7})
        assert run.status is RunStatus.WAITING_HUMAN

        assert run.wait_for_end().status is RunStatus.FAILED
        assert flow.elapsed == timedelta(days=2)


def test_it_begins_when_the_test_says():
    with WorkflowTest(shop(), order(), start=datetime(2024, 2, 28, 23, tzinfo=UTC)) as flow:
        flow.replace("payments.charge", fails(times=1))

        run = flow.run({"order_id": 7})

        assert flow.now == datetime(2024, 2, 29, tzinfo=UTC)
        assert run.view.created_at == datetime(2024, 2, 28, 23, tzinfo=UTC).timestamp()
        assert run.view.finished_at == flow.now.timestamp()


def test_files_and_folders_are_read_and_one_of_their_workflows_chosen(tmp_path):
    (tmp_path / "order.yaml").write_text(ORDER)
    (tmp_path / "gift.yaml").write_text(ORDER.replace("order.fulfil", "gift"))

    with WorkflowTest(shop(), tmp_path) as flow:
        assert flow.run({"order_id": 1}, workflow="gift", run_id="mine").id == "mine"
        with pytest.raises(InvalidInput, match=r"which workflow\? expected .* gift, order.fulfil"):
            flow.run({"order_id": 1})
        with pytest.raises(InvalidInput, match="workflow 'gfit' is not part of this test"):
            flow.run(workflow="gfit")


@pytest.mark.parametrize(
    ("workflows", "message"),
    [
        ([], "expected a workflow, or a file or folder with some"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        ([Workflow("w", ())], "steps"),
        ([Workflow("w", (Step("a", "x"),)), Workflow("w", (Step("b", "x"),))], "differently"),
    ],
)
def test_workflows_that_are_not_usable_are_refused_at_once(workflows, message):
    with pytest.raises(Exception, match=message):
        WorkflowTest(shop(), *workflows)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InvalidInput, match="expected a time with its zone"):
        WorkflowTest(shop(), order(), start=datetime(2024, 2, 28))  # noqa: DTZ001


def test_what_a_start_gets_wrong_is_said(flow):
    with pytest.raises(InvalidInput, match=r"run-1 was not started: .*order_id"):
        flow.run({})
    with pytest.raises(InvalidInput, match="JSON object"):
        flow.run([1])
    run = flow.run({"order_id": 7})
    with pytest.raises(InvalidInput, match="has no step 'chrage'; it has reserve, charge, ship"):
        run.step("chrage")
    with pytest.raises(InvalidInput, match="expected a time to pass, found -1 day"):
        flow.advance(timedelta(days=-1))
    with pytest.raises(InvalidInput, match="has ended already: it is COMPLETED"):
        run.resume("retry")


def test_it_runs_within_with_alone():
    flow = WorkflowTest(shop(), order())
    with pytest.raises(InvalidInput, match="within `with WorkflowTest"):
        flow.run({"order_id": 7})
    with flow:
        run = flow.run({"order_id": 7})
    with pytest.raises(InvalidInput, match="this WorkflowTest has ended"):
        run.status  # noqa: B018


def test_a_test_can_be_entered_again_and_begins_anew():
    flow = WorkflowTest(shop(), order())
    for _ in range(2):
        with flow:
            assert flow.run({"order_id": 7}).completed
            assert len(flow.calls()) == 3


def test_the_same_test_comes_to_the_same_end():
    jittery = parse(ORDER.replace("interval: 1h}", "interval: 1h, jitter: 1}"))

    def moments():
        with WorkflowTest(shop(), jittery) as flow:
            flow.replace("payments.charge", fails(times=3))
            return [(event["type"], event["time"]) for event in flow.run({"order_id": 7}).history]

    assert moments() == moments()


def test_schedules_begin_nothing_in_a_test():
    app = App()
    app.step("count")(lambda ctx: {})
    steps = "{id: count, uses: count}, {id: nap, sleep: 2d, depends_on: count}"
    text = f"{{name: w, steps: [{steps}], schedules: [{{id: s, every: 1h}}]}}"

    with WorkflowTest(app, parse(text)) as flow:
        assert flow.run().status is RunStatus.COMPLETED
        assert len(flow.calls("count")) == 1

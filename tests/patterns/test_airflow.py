"""Patterns of Airflow: those of its example DAGs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import StepStatus
from flowworker.testing import fails, returns
from tests.patterns.patterns import Pattern


@pytest.mark.parametrize("way", ["left", "right"])
def test_branch(way):
    with Pattern("airflow-branch", choose=returns({"way": way})) as flow:
        run = flow.run()

        assert run.completed
        assert flow.ran == ["choose", way, "join"]


def test_default_args():
    with Pattern("airflow-default-args", extract=fails(times=2)) as flow:
        flow.replace("load", fails())
        run = flow.run()

        assert (run.step("extract").attempts, run.step("load").attempts) == (3, 1)
        assert flow.elapsed == timedelta(minutes=10)


def test_taskflow():
    orders = {"1001": 301.25, "1002": 433.5}

    def transform(ctx, orders):
        return {"total": sum(orders.values())}

    with Pattern("airflow-taskflow", extract=returns(orders), transform=transform) as flow:
        run = flow.run()

        assert flow.given("load") == [{"total": 734.75}]
        assert run.output == {"total": 734.75, "orders": 2}


@pytest.mark.parametrize(
    ("rows", "ran"), [(7, ["count", "load", "report", "clean"]), (0, ["count", "clean"])]
)
def test_short_circuit(rows, ran):
    with Pattern("airflow-short-circuit", count=returns(rows)) as flow:
        run = flow.run()

        assert run.completed
        assert flow.ran == ran


def test_params():
    with Pattern("airflow-params") as flow:
        assert flow.run().completed
        assert flow.ran == ["english", "print"]
        assert flow.given("greet") == [{"text": "Hello Linda!"}]

        assert flow.run({"name": "Thomas", "english": False, "french": True}).completed
        assert flow.given("greet")[1:] == [{"text": "Bonjour Thomas !"}]


def test_setup_teardown():
    with Pattern("airflow-setup-teardown", create=returns({"id": "c1"}), work=fails()) as flow:
        run = flow.run()
        assert run.status == "FAILED"
        assert flow.given("delete") == [{"cluster": "c1"}]

        flow.replace("create", fails())
        assert flow.run().step("delete").status is StepStatus.SKIPPED


def test_task_group():
    with Pattern("airflow-task-group", work=returns("rows")) as flow:
        run = flow.run({"day": "Monday"})

        assert run.completed
        start, first, *inner, end = flow.ran
        assert (start, first, sorted(inner), end) == ("start", "first", ["left", "right"], "end")
        assert flow.given("work") == [{"day": "Monday"}, {"of": "rows"}, {"of": "rows"}]


def test_sensor():
    with Pattern("airflow-sensor", look=returns(False)) as flow:
        run = flow.run()
        assert run.completed
        assert "RepeatLimit" in run.step("wait-for-file").error
        assert (flow.elapsed, flow.ran[-1]) == (timedelta(minutes=59), "print")
        assert run.step("load").status is StepStatus.SKIPPED

        found = iter([False, False, True])
        flow.replace("look", lambda ctx: next(found))
        assert flow.run().step("load").status is StepStatus.COMPLETED
        assert flow.elapsed == timedelta(minutes=59 + 2)


def test_task_mapping():
    with Pattern("airflow-task-mapping", add=lambda ctx, x: x + 1) as flow:
        flow.replace("sum", lambda ctx, values: sum(values))

        assert flow.run().output == {"total": 2 + 3 + 4}

"""Patterns of Kestra: its tasks, and flows of its documentation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import InvalidInput, StepStatus
from flowworker.testing import fails, hangs, returns
from tests.patterns.patterns import Pattern


class QuotaExceeded(Exception):
    """No machine is free."""


def test_errors():
    with Pattern("kestra-errors", download=fails("no such file")) as flow:
        assert flow.run().completed
        assert flow.given("alert") == [{"text": "download: no such file"}]

        flow.replace("download", returns())
        assert flow.run().completed
        assert flow.ran == ["download", "alert", "download"]


def test_plugin_defaults():
    with Pattern("kestra-plugin-defaults") as flow:
        assert flow.run().completed
        assert flow.given("log") == [
            {"level": "INFO", "target": "console", "message": "one"},
            {"level": "WARN", "target": "console", "message": "two"},
        ]


def test_inputs():
    with Pattern("kestra-inputs", forecast=returns([11, 17, 14])) as flow:
        run = flow.run({"city": "Oslo"})

        assert flow.given("forecast") == [{"city": "Oslo", "units": "metric", "days": 3}]
        assert run.output == {"warmest": 17, "text": "3 days in Oslo"}
        with pytest.raises(InvalidInput, match='"kelvin" is not one of "metric", "imperial"'):
            flow.run({"city": "Oslo", "units": "kelvin"})


def test_pause():
    with Pattern("kestra-pause") as flow:
        run = flow.run({"who": "Rick"})
        assert run.waiting == ("approval",)
        with pytest.raises(InvalidInput, match="45 is greater than the maximum of 30"):
            run.approve(output={"days": 45})
        assert run.approve(output={"days": 5}).completed
        assert flow.given("book") == [{"days": 5}]

        assert flow.run({"who": "Rick"}).reject("too many at once").completed
        assert flow.given("send")[-1] == {"text": "Rejected: too many at once"}
        assert flow.run({"who": "Rick"}).wait_for_end().completed
        assert flow.elapsed == timedelta(days=7)


def test_ephemeral():
    failures = [QuotaExceeded(), ConnectionError(), QuotaExceeded(), ConnectionError()]

    def create(ctx):
        if failures:
            raise failures.pop(0)
        return "m1"

    with Pattern("kestra-ephemeral", create=create, work=fails()) as flow:
        run = flow.run()
        assert (run.status, run.step("create").attempts) == ("FAILED", 5)
        assert flow.elapsed == timedelta(hours=2, seconds=1 + 2)
        assert flow.given("remove") == [{"machine": "m1"}]

        failures.extend(QuotaExceeded() for _ in range(3))
        assert flow.run().step("create").attempts == 3
        assert len(flow.given("remove")) == 1


def test_subflow():
    with Pattern("kestra-subflow", copy=returns(1200)) as flow:
        assert flow.run(workflow="kestra.subflow").completed
        assert (flow.given("copy"), flow.given("report")) == (
            [{"table": "orders"}],
            [{"rows": 1200}],
        )

        flow.replace("copy", hangs())
        run = flow.run(workflow="kestra.subflow")
        assert run.completed
        assert flow.given("alert") == [{"why": "Timeout"}]
        assert flow.elapsed == timedelta(hours=1)


def test_loop_until():
    with Pattern("kestra-loop-until", check=returns({"code": 503})) as flow:
        assert flow.run().completed
        assert (len(flow.calls("check")), flow.given("page")) == (50, [{"why": "RepeatLimit"}])
        assert flow.elapsed == 49 * timedelta(seconds=30)

        answers = [None, None, 503, None, 200]

        def check(ctx):
            if (code := answers.pop(0)) is None:
                raise ConnectionError("no answer")
            return {"code": code}

        flow.replace("check", check)
        run = flow.run()
        assert flow.elapsed == 49 * timedelta(seconds=30) + timedelta(seconds=5 + 5 + 30 + 5)
        assert (answers, run.step("open").status) == ([], StepStatus.COMPLETED)


def test_for_each():
    with Pattern("kestra-for-each", read=lambda ctx, city: f"rows of {city}") as flow:
        assert flow.run({"offices": {"fr": "Paris", "de": "Berlin"}}).completed
        assert flow.ran == ["read", "write", "read", "write"]
        found = {given["country"]: given["rows"] for given in flow.given("write")}
        assert found == {"fr": "rows of Paris", "de": "rows of Berlin"}

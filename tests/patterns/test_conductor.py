"""Patterns of Conductor: its tasks and operators."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import StepStatus
from flowworker.testing import fails, returns
from tests.patterns.patterns import Pattern


def test_optional():
    with Pattern("conductor-optional", decorate=fails()) as flow:
        run = flow.run()

        assert run.completed
        assert run.step("decorate").status is StepStatus.FAILED
        assert flow.ran == ["decorate", "deliver"]


@pytest.mark.parametrize(("carrier", "ran"), [("post", "post"), ("other", "courier")])
def test_switch(carrier, ran):
    with Pattern("conductor-switch") as flow:
        assert flow.run({"carrier": carrier}).completed
        assert flow.ran == [ran]


def test_fork_join():
    found = {"rates": {"post": 5}, "cheapest": "post", "address": {"zip": "10115"}, "label": "L1"}
    handlers = {name: returns(it) for name, it in found.items()}
    with Pattern("conductor-fork-join", **handlers) as flow:
        run = flow.run()

        assert run.output == {"carrier": "post", "label": "L1", "zip": "10115"}
        assert flow.given("label") == [{"by": "post"}]


def test_terminate():
    with Pattern("conductor-terminate", measure=returns(12)) as flow:
        run = flow.run()
        assert (run.status, run.error, flow.ran) == ("FAILED", "only 12 cm", ["measure"])

        flow.replace("measure", returns(15))
        assert flow.run().completed
        assert flow.ran[1:] == ["measure", "accept"]


def test_wait():
    with Pattern("conductor-wait") as flow:
        opens_at = flow.now + timedelta(days=3)
        run = flow.run({"shop": "Main Street", "opens_at": opens_at.isoformat()})
        assert (run.waiting, flow.now) == (("ask",), opens_at)
        assert run.approve().completed
        assert flow.ran == ["open"]

        late = flow.run({"shop": "Main Street", "opens_at": opens_at.isoformat()}).wait_for_end()
        assert "Timeout" in late.step("ask").error
        assert flow.now == opens_at + timedelta(hours=8)


def test_sub_workflow():
    failures = [ConnectionError()]

    def charge(ctx, amount):
        if failures:
            raise failures.pop()
        return f"R-{amount}"

    with Pattern("conductor-sub-workflow", order=returns({"amount": 12}), charge=charge) as flow:
        run = flow.run(workflow="conductor.sub-workflow")

        assert run.output == {"receipt": "R-12"}
        assert flow.ran == ["order", "check", "charge", "check", "charge"]
        assert len({call.run_id for call in flow.calls("charge")} - {run.id}) == 2

        flow.replace("order", returns({"amount": "a lot"}))
        refused = flow.run(workflow="conductor.sub-workflow")
        assert "workflow 'conductor.payment' refuses its input" in refused.error


def test_do_while():
    pages = [{"rows": [1, 2], "last": False}, {"rows": [3], "last": True}]

    with Pattern("conductor-do-while", fetch=lambda ctx: pages.pop(0)) as flow:
        assert flow.run().completed
        assert flow.given("store") == [{"rows": [1, 2]}, {"rows": [3]}]
        assert flow.given("report") == [{"pages": 2}]
        assert flow.elapsed == timedelta(seconds=1)


def test_dynamic_fork():
    handlers = {"fetch": lambda ctx, url: url, "shrink": lambda ctx, file: f"small {file}"}
    with Pattern("conductor-dynamic-fork", **handlers) as flow:
        run = flow.run({"images": ["a", "b", "c"]}, workflow="conductor.dynamic-fork")

        assert run.completed
        assert flow.given("album") == [{"files": ["small a", "small b", "small c"]}]
        assert len({call.run_id for call in flow.calls("shrink")}) == 3

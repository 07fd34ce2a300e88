"""Runs that a test pauses: they rest, timers go on, and they go on as if nothing had been."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import App, Step, Workflow
from flowworker.core.status import RunStatus, StepStatus
from flowworker.errors import Standstill
from flowworker.testing import WorkflowTest

NAPS = Workflow("naps", (Step("nap", sleep=60.0), Step("after", "do.it", depends_on=("nap",))))


@pytest.fixture
def flow():
    app = App()
    app.step("do.it")(lambda _: {"done": True})
    with WorkflowTest(app, NAPS) as flow:
        yield flow


def test_a_paused_run_rests_while_its_timers_go_on(flow):
    run = flow.start().pause("look first", actor="ops")
    assert (run.status, run.view.paused.reason) == (RunStatus.RUNNING, "look first")

    flow.advance(timedelta(hours=1))
    assert run.step("nap").status is StepStatus.COMPLETED
    assert run.step("after").calls == ()

    assert run.unpause().completed
    assert run.step("after").output == {"done": True}


def test_the_end_of_a_paused_run_does_not_come(flow):
    run = flow.start().pause()

    with pytest.raises(Standstill, match="it is paused; handlers that run: none"):
        run.wait_for_end()

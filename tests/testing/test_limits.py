"""Limits with names, in a user's test of a workflow."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import App, InvalidInput, StepContext, parse
from flowworker.testing import WorkflowTest

FAN = """
name: fan
steps:
- {id: call, uses: call, for_each: {items: [1, 2, 3, 4, 5, 6]}, limits: [api]}
- {id: both, depends_on: [call], steps: [{id: last, uses: call, limits: [mail]}]}
"""


class Calls:
    """How many handlers were at work at a time."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.app = App()
        self.app.step("call")(self.call)

    async def call(self, ctx: StepContext) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(60)
        self.running -= 1


def test_no_more_are_at_work_than_the_test_says():
    calls = Calls()
    with WorkflowTest(calls.app, parse(FAN), limits={"api": 2}) as flow:
        assert flow.run().completed
        assert calls.most == 2
        assert flow.elapsed.total_seconds() == 4 * 60


def test_what_the_test_does_not_say_keeps_nobody_waiting():
    calls = Calls()
    with WorkflowTest(calls.app, parse(FAN)) as flow:
        assert flow.run().completed
        assert calls.most == 6


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"apy": 2}, "no workflow names 'apy'; they name api, mail"),
        ({"api": 0}, "api: expected a whole number from 1 to 1,000, found 0"),
        ({"mail": 1001}, "mail: expected a whole number from 1 to 1,000, found 1001"),
        ({"mail": True}, "mail: expected a whole number from 1 to 1,000, found True"),
    ],
)
def test_what_is_refused(limits, said):
    with pytest.raises(InvalidInput, match=said):
        WorkflowTest(App(), parse(FAN), limits=limits)


ONCE = "{name: once, singleton: {}, steps: [{id: only, uses: call}]}"


def test_limits_of_runs_hold_in_a_test():
    calls = Calls()

    with WorkflowTest(calls.app, parse(ONCE)) as flow:
        first = flow.run()
        assert flow.run().completed
        assert first.completed

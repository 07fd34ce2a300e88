"""What rules have counted, and since when: the same live and rebuilt, and new with each turn."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.model import Fallback, RetryPolicy, Saga, Step
from flowworker.core.records import ErrorInfo
from flowworker.core.status import HumanAction, RunStatus, StepStatus
from tests.core.dsl import NOW, Run, step

TIMEOUT = ErrorInfo("Timeout", "too long")
HTTP = ErrorInfo("HttpError", "bad gateway")
RULES = (
    RetryPolicy(2, interval=1.0, on=("Timeout",)),
    RetryPolicy(3, interval=10.0, on=("HttpError",), max_duration=100.0),
)
FLAKY = Step("a", "do.a", retry=RULES)


def after(*errors, flaky=FLAKY):
    run = Run(flaky).starts()
    for error in errors:
        run.fails("a", error=error)
    return run


@pytest.mark.parametrize(
    ("errors", "dispatched", "spent"),
    [
        ([TIMEOUT], ["a#2"], (1, 0)),
        ([TIMEOUT, HTTP], ["a#3"], (1, 1)),
        ([TIMEOUT, HTTP, HTTP], ["a#4"], (1, 2)),
    ],
)
def test_a_rebuilt_run_knows_what_was_counted(errors, dispatched, spent):
    run = after(*errors)
    again = run.rebuilt()

    assert run.dispatched == again.dispatched == dispatched
    assert run.state.steps["a"].spent == again.state.steps["a"].spent == spent
    assert run.state.steps["a"] == again.state.steps["a"]


@pytest.mark.parametrize("last", [TIMEOUT, HTTP])
def test_it_fails_when_a_rule_is_spent_also_if_rebuilt_before(last):
    live, rebuilt = after(TIMEOUT, HTTP, HTTP), after(TIMEOUT, HTTP, HTTP).rebuilt()
    for run in (live, rebuilt):
        run.fails("a", error=last)

        assert run.is_at("a") is StepStatus.FAILED
        assert run.status is RunStatus.FAILED


def test_a_claim_that_is_taken_over_carries_on_what_was_counted():
    run = after(TIMEOUT, HTTP)
    run.claims("a", lease=-1.0)

    again = run.rebuilt()

    assert again.dispatched == ["a#3"]
    assert (again.state.steps["a"].since, again.state.steps["a"].spent) == (NOW, (1, 1))


@pytest.mark.parametrize(("passed", "expected"), [(90.0, ["a#3"]), (90.1, [])])
def test_the_longest_duration_counts_from_the_first_attempt_on(passed, expected):
    run = after(HTTP)
    run.now = NOW + passed
    run.fails("a", error=HTTP)

    assert run.dispatched == expected
    assert run.rebuilt().dispatched == expected


def test_a_turn_that_a_human_ordered_begins_anew():
    run = Run(replace(FLAKY, escalation=step("x", human=True).escalation)).starts()
    run.fails("a", error=TIMEOUT).fails("a", error=TIMEOUT)
    run.now = NOW + 1000.0

    run.is_answered(HumanAction.RETRY)

    assert run.dispatched == ["a@2"]
    assert (run.state.steps["a"].since, run.state.steps["a"].spent) == (0.0, ())
    assert run.fails("a", error=TIMEOUT).dispatched == ["a@2#2"]


def test_neither_a_fallback_nor_a_compensation_takes_over_what_was_counted():
    saga = Saga("undo.a", retry=RULES)
    flaky = replace(FLAKY, fallback=Fallback("else.a"), saga=saga)
    run = Run(flaky, step("b", "a")).starts()
    run.fails("a", error=TIMEOUT).fails("a", error=TIMEOUT)
    assert (run.dispatched, run.state.steps["a"].spent) == (["else a"], ())

    run.completes("a").fails("b")
    assert run.dispatched == ["undo a"]

    run.fails("a", error=TIMEOUT)
    assert (run.dispatched, run.state.steps["a"].spent) == (["undo a#2"], (1, 0))
    assert run.rebuilt().dispatched == ["undo a#2"]

"""Steps that wait instead of calling a handler."""

from __future__ import annotations

import pytest

from flowworker.core.model import Approval, Step, WaitFor, Workflow
from flowworker.definitions import Parser, parse
from tests.definitions.complaints import problems


def in_file(step):
    """The problems of the one step of a workflow; it begins on line 2, in column 10."""
    return problems(f"name: w\nsteps: [{{id: a, {step}}}]\n")


def only(step):
    return parse(f"name: w\nsteps: [{{id: a, {step}}}]\n").steps[0]


def test_steps_that_wait():
    assert only("sleep: 1h30m") == Step("a", sleep=5400.0)
    assert only("sleep: '${input.delay}'") == Step("a", sleep="${input.delay}")
    assert only("until: input.at") == Step("a", until="input.at")
    assert only("wait_for: {signal: paid}") == Step("a", wait_for=WaitFor("paid"))
    whole = "wait_for: {signal: paid, match: signal.n == 1, timeout: 2d}"
    assert only(whole) == Step("a", wait_for=WaitFor("paid", "signal.n == 1", 172_800.0))
    assert only("until: 2030-01-31T08:00:00Z") == Step("a", until="2030-01-31T08:00:00Z")


def test_steps_that_ask():
    assert only("approval: {}") == Step("a", approval=Approval())
    whole = "approval: {prompt: Ship it?, schema: {type: boolean}, timeout: 3d}"
    assert only(whole) == Step("a", approval=Approval("Ship it?", {"type": "boolean"}, 259_200.0))


def test_such_steps_that_are_built_by_hand():
    Parser().validate(Workflow("w", (Step("a", sleep=60), Step("b", "do", ("a",)))))
    Parser().validate(parse("name: w\nsteps: [{id: a, wait_for: {signal: x}}]\n"))


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("sleep: 0", "2:24: 'sleep' of step 'a': expected a duration greater than 0, found 0"),
        (
            "until: soon",
            "2:24: 'until' of step 'a': nothing is called 'soon' (there are: input, run, steps)",
        ),
        (
            "until: 2030-02-31T08:00:00Z",
            "2:24: 'until' of step 'a': expected a moment with its time zone, such as "
            "2030-01-31T08:00:00Z, found '2030-02-31T08:00:00Z'",
        ),
        (
            "until: '${input.at}'",
            "2:24: 'until' of step 'a': expected an expression (an expression stands here as it "
            "is, without ${ and })",
        ),
        (
            "wait_for: {}",
            "2:27: missing 'signal' in wait_for of step 'a'",
        ),
        (
            "wait_for: {signal: x, match: '1 + 1'}",
            "2:46: 'wait_for.match' of step 'a': expected true or false, found int",
        ),
        (
            "wait_for: {signal: x, match: 'signal.a =='}",
            "2:58: 'wait_for.match' of step 'a': the end was not expected here",
        ),
        (
            "wait_for: {signal: x, until: 1h}",
            "2:39: unknown key 'until' in wait_for of step 'a'",
        ),
        (
            "until: [x]",
            "2:24: 'until' of step 'a': expected a moment such as 2030-01-31T08:00:00Z, or "
            "an expression, found a list",
        ),
        ("sleep: 1h, uses: b", "2:34: step 'a' has both 'sleep' and 'uses' (make it two steps)"),
        (
            "sleep: 1h, until: 2030-01-31T08:00:00Z",
            "2:35: step 'a' has both 'sleep' and 'until' (make it two steps)",
        ),
        (
            "sleep: 1h, retry: {max_attempts: 2}",
            "2:35: 'retry' of step 'a' is about a handler, and it has none (a step with 'sleep' "
            "runs in no worker)",
        ),
        (
            "sleep: 1h, queue: gpu",
            "2:35: 'queue' of step 'a' is about a handler, and it has none (a step with 'sleep' "
            "runs in no worker)",
        ),
        ("wait: 1h", "2:17: unknown key 'wait' in step 'a' (did you mean 'sleep'?)"),
    ],
)
def test_problems_of_steps_that_wait(step, problem):
    assert problem in [line.removeprefix("f.yaml:") for line in in_file(step)]

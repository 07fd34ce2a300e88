"""`retry` in all its forms: what they mean, and what is said of wrong ones."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.model import Backoff, Escalation, RetryPolicy, Saga, Step, Workflow
from flowworker.definitions import parse
from flowworker.definitions.content import decode, encode
from flowworker.definitions.validate import check_workflow
from flowworker.errors import DefinitionError
from tests.definitions.complaints import DURATION_RULE, NAME_RULE, in_step, problems

NUMBER = "a number of attempts from 1 to 1000, a mapping or a list of rules"


def step_of(line):
    return parse(f"name: w\nsteps:\n- {line}\n  id: a\n  uses: u\n").steps[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("retry: ", RetryPolicy()),
        ("retry: 3", RetryPolicy(max_attempts=3)),
        ("retry: 1", RetryPolicy()),
        ("max_retries: 2", RetryPolicy(max_attempts=3)),
        ("retry: {on: Timeout, max_attempts: 2}", RetryPolicy(2, on=("Timeout",))),
        ("retry: {max_attempts: 2, on: [A, b.C]}", RetryPolicy(2, on=("A", "b.C"))),
        ("retry: {max_attempts: 2, factor: 2}", RetryPolicy(2, Backoff.EXPONENTIAL)),
        ("retry: {max_attempts: 2, factor: 1}", RetryPolicy(2, Backoff.EXPONENTIAL, factor=1.0)),
        (
            "retry: {max_attempts: 2, backoff: exponential, factor: 1.5}",
            RetryPolicy(2, Backoff.EXPONENTIAL, factor=1.5),
        ),
        ("retry: {max_attempts: 2, max_duration: 1h}", RetryPolicy(2, max_duration=3600.0)),
        ("retry: [{max_attempts: 4}]", (RetryPolicy(4),)),
        (
            "retry: [{on: T, max_attempts: 9, interval: 1s}, {on: [A, B]}, {max_attempts: 2}]",
            (RetryPolicy(9, interval=1.0, on=("T",)), RetryPolicy(on=("A", "B")), RetryPolicy(2)),
        ),
    ],
)
def test_when_a_step_is_tried_again(line, expected):
    assert step_of(line).retry == expected


def test_short_forms_are_what_they_are_short_for():
    found = parse(
        "name: w\nsteps: [{id: a, uses: u, saga: undo, retry: 3, escalation: wait_human}]"
    )

    written = Step("a", "u", retry=RetryPolicy(3), escalation=Escalation(), saga=Saga("undo"))
    assert found.steps == (written,)


def test_rules_of_a_compensation_have_the_defaults_of_one():
    saga = step_of("saga: {uses: undo, retry: [{on: A}, {interval: 1s}]}").saga

    usual = RetryPolicy(max_attempts=3, backoff=Backoff.EXPONENTIAL)
    assert saga == Saga("undo", retry=(replace(usual, on=("A",)), replace(usual, interval=1.0)))
    assert step_of("saga: {uses: undo, retry: 5}").saga == Saga(
        "undo", retry=RetryPolicy(5, Backoff.EXPONENTIAL)
    )


RULES = (
    RetryPolicy(5, Backoff.EXPONENTIAL, 2.0, 60.0, 0.1, ("NotFound",), ("HttpError",), 1.5, 900.0),
    RetryPolicy(),
)


@pytest.mark.parametrize(
    "step",
    [
        Step("a", "u", retry=RULES),
        Step("a", "u", retry=RULES[0]),
        Step("a", "u", saga=Saga("undo", retry=RULES)),
        Step("a", "u", retry=RULES[:1]),
    ],
)
def test_what_is_stored_is_what_was_defined(step):
    workflow = Workflow("w", (step,))
    content = encode(workflow)

    assert decode(content) == workflow
    assert parse(content) == workflow
    check_workflow(workflow)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("retry: 0", f"3:10: 'retry' of step 'a': expected {NUMBER}, found 0"),
        ("retry: 1001", f"3:10: 'retry' of step 'a': expected {NUMBER}, found 1001"),
        ("retry: 1.5", f"3:10: 'retry' of step 'a': expected {NUMBER}, found 1.5"),
        ("retry: true", f"3:10: 'retry' of step 'a': expected {NUMBER}, found true"),
        ("retry: often", f"3:10: 'retry' of step 'a': expected {NUMBER}, found 'often'"),
        ("retry: []", "3:10: retry of step 'a': expected 1 to 20 rules, found 0"),
        (
            f"retry: [{', '.join(f'{{on: E{n}}}' for n in range(21))}]",
            "3:10: retry of step 'a': expected 1 to 20 rules, found 21",
        ),
        ("retry: [3]", "3:11: rule 1 of retry of step 'a': expected a mapping, found 3"),
        (
            "retry: [{on: A}, Timeout]",
            "3:20: rule 2 of retry of step 'a': expected a mapping, found 'Timeout'",
        ),
        (
            "retry: [{on: A, retries: 3}]",
            "3:19: unknown key 'retries' in rule 1 of retry of step 'a' (did you mean "
            "'max_attempts'? it counts the first one too)",
        ),
        (
            "retry: [{ErrorEquals: [A]}]",
            "3:12: unknown key 'ErrorEquals' in rule 1 of retry of step 'a' (did you mean 'on'?)",
        ),
        (
            "retry: [{BackoffRate: 2}]",
            "3:12: unknown key 'BackoffRate' in rule 1 of retry of step 'a' (did you mean "
            "'factor'?)",
        ),
        (
            "retry: [{max_attempts: 2}, {on: A}]",
            "3:30: rule 2 of retry of step 'a' is never reached: rule 1 fits every error (a rule "
            "without 'on' comes last)",
        ),
        (
            "retry: [{on: [A, B]}, {on: [C, B]}]",
            "3:34: 'B' never comes to rule 2 of retry of step 'a': rule 1 fits it",
        ),
        (
            "retry: {on: [], max_attempts: 2}",
            "3:15: 'on' of retry of step 'a': expected the name of an error type, or some, found "
            "a list (leave it out for all)",
        ),
        (
            "retry: {on: [a b], max_attempts: 2}",
            f"3:16: 'on' of retry of step 'a': expected {NAME_RULE}, found 'a b'",
        ),
        (
            "retry: {on: WorkerLost, max_attempts: 2}",
            "3:15: 'on' of retry of step 'a': no attempt follows 'WorkerLost', whatever is said "
            "(a fallback or an escalation can)",
        ),
        (
            "retry: {on: [A, B], non_retryable: B, max_attempts: 2}",
            "3:19: retry of step 'a' has 'B' in 'on' and in 'non_retryable' (keep one of them)",
        ),
        (
            "retry: {max_attempts: 2, factor: 0.5}",
            "3:36: 'factor' of retry of step 'a': expected a number from 1, found 0.5",
        ),
        (
            "retry: {max_attempts: 2, factor: two}",
            "3:36: 'factor' of retry of step 'a': expected a number from 1, found 'two'",
        ),
        (
            "retry: {max_attempts: 2, factor: 2, backoff: constant}",
            "3:36: 'factor' of retry of step 'a': a constant delay does not grow (keep one of "
            "'factor' and 'backoff')",
        ),
        (
            "retry: {max_attempts: 2, max_duration: x}",
            f"3:42: 'max_duration' of retry of step 'a': expected {DURATION_RULE}, found 'x'",
        ),
        (
            "retry: {max_attempts: 2, interval: 1m, max_duration: 30s}",
            "3:56: 'max_duration' of retry of step 'a' is shorter than its interval (the interval "
            "is 1m)",
        ),
        (
            "retry: {max_duration: 1h}",
            "3:25: 'max_duration' of retry of step 'a' says nothing, since there is 1 attempt "
            "(give it 'max_attempts')",
        ),
        (
            "retry: [{on: A, interval: 1s}]",
            "3:29: 'interval' of rule 1 of retry of step 'a' says nothing, since there is 1 "
            "attempt (give it 'max_attempts')",
        ),
        (
            "saga: {uses: u, retry: [{on: A}, {on: A}]}",
            "3:41: 'A' never comes to rule 2 of retry of saga of step 'a': rule 1 fits it",
        ),
    ],
)
def test_wrong_retries(line, expected):
    assert in_step(line) == [f"f.yaml:{expected}"]


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (
            "[{max_attempts: 3}]",
            "f.yaml:3:33: 'max_retries' of step 'a' stands beside a list of rules (give each rule "
            "its 'max_attempts')",
        ),
        (
            "5",
            "f.yaml:3:33: 'max_retries' of step 'a' means 3 attempts (but its retry has "
            "'max_attempts' 5; keep one of them)",
        ),
    ],
)
def test_two_numbers_of_attempts(retry, expected):
    text = f"name: w\nsteps:\n- {{id: a, uses: u, max_retries: 2, retry: {retry}}}"
    assert problems(text) == [expected]


def test_a_policy_that_is_built_by_hand_is_held_to_the_same_rules():
    step = Step("a", "u", retry=(RetryPolicy(2), RetryPolicy(3)))

    with pytest.raises(DefinitionError, match="rule 2 of retry of step 'a' is never reached"):
        check_workflow(Workflow("w", (step,)))

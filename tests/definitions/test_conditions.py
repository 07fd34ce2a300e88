"""Keys of steps that say when they run."""

from __future__ import annotations

import pytest

from flowworker.core.model import End, EndStatus, RetryPolicy, TriggerRule
from flowworker.definitions import Parser, parse
from flowworker.definitions.content import content_hash
from tests.definitions.complaints import in_step, problems


@pytest.mark.parametrize("rule", TriggerRule)
def test_every_rule_can_be_named(rule):
    text = f"name: w\nsteps: [{{id: a, uses: u, trigger_rule: {rule}, continue_on_error: yes}}]\n"

    (step,) = parse(text).steps

    assert step.trigger_rule is rule
    assert step.continue_on_error is True


def test_what_is_usual_changes_no_identity():
    usual = "trigger_rule: all_success, continue_on_error: false"
    short, long = (
        parse(f"name: w\nsteps: [{{id: a, uses: u{more}}}]\n") for more in ("", f", {usual}")
    )

    assert content_hash(short) == content_hash(long)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "trigger_rule: all_sucess",
            "3:17: 'trigger_rule' of step 'a': expected one of all_success, all_done, all_failed, "
            "all_skipped, one_success, one_failed, one_done, none_failed, "
            "none_failed_min_one_success, all_done_min_one_success, none_skipped, always, found "
            "'all_sucess' (did you mean 'all_success'?)",
        ),
        (
            "continue_on_error: 2",
            "3:22: 'continue_on_error' of step 'a': expected true or false, found 2",
        ),
    ],
)
def test_what_is_wrong_has_its_place(line, expected):
    assert in_step(line) == [f"f.yaml:{expected}"]


FINALLY = "name: w\nsteps: [{id: a, uses: u}]\nfinally:\n"


def test_steps_of_finally_are_read_like_others():
    workflow = parse(
        FINALLY
        + "- {id: b, uses: v, retry: {max_attempts: 2}}\n- {id: c, uses: v, depends_on: b}\n"
    )

    assert [(step.id, step.depends_on) for step in workflow.finally_] == [("b", ()), ("c", ("b",))]
    assert workflow.finally_[0].retry == RetryPolicy(max_attempts=2)
    assert workflow.steps == parse("name: w\nsteps: [{id: a, uses: u}]\n").steps


def test_none_at_all_is_as_if_there_were_no_finally():
    plain, empty = parse("name: w\nsteps: [{id: a, uses: u}]\n"), parse(FINALLY[:-1] + " []\n")

    assert content_hash(plain) == content_hash(empty)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("- {id: a, uses: u}", "4:8: duplicate step id 'a' (the first is on line 2)"),
        (
            "- {id: a, uses: u, depends_on: a}",
            "4:8: duplicate step id 'a' (the first is on line 2)",
        ),
        (
            "- {id: b, uses: u, depends_on: [a]}",
            "4:33: step 'b' of 'finally' depends on 'a' (all steps outside of 'finally' come "
            "before it anyway)",
        ),
        ("- {id: b, uses: u, depends_on: [x]}", "4:33: step 'b' depends on unknown step 'x'"),
        (
            "- {id: b, uses: u, saga: {uses: v}}",
            "4:26: 'saga' of 'b' in 'finally': nothing is undone after it",
        ),
        ("- b", "4:3: step 1: expected a mapping, found 'b'"),
        ("  id: b", "3:1: 'finally' of the workflow: expected a list of steps, found a mapping"),
        (
            "".join(f"- {{id: b{n}, uses: u}}\n" for n in range(101)),
            "4:1: 'finally' of a workflow has 0 to 100 steps, found 101",
        ),
    ],
)
def test_what_is_wrong_in_finally_has_its_place(steps, expected):
    found = problems(f"{FINALLY}{steps}\n")

    assert found[0].startswith(f"f.yaml:{expected}")


def test_a_step_that_ends_its_run_is_read_and_read_again():
    text = "end: {status: failed, reason: 'no ${input.x}', output: {a: 1}}"
    workflow = parse(f"name: w\nsteps: [{{id: a, {text}}}]\n")

    assert workflow.steps[0].end == End(EndStatus.FAILED, "no ${input.x}", {"a": 1})
    Parser().validate(workflow)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "{id: c, end: {}, uses: u}",
            "3:26: step 'c' has both 'end' and 'uses' (make it two steps)",
        ),
        (
            "{id: c, end: {status: done}}",
            "3:25: 'status' of end of step 'c': expected one of completed, failed, found 'done'",
        ),
        ("{id: c, end: now}", "3:16: 'end' of step 'c': expected a mapping, found 'now'"),
        (
            "{id: c, end: {}, retry: {max_attempts: 2}}",
            "3:27: 'retry' of step 'c' is about a handler, and it has none (a step with 'end' "
            "runs in no worker)",
        ),
        (
            "{id: c, end: {}}\n- {id: d, uses: u, depends_on: c}",
            "4:32: step 'd' depends on 'c', which ends the run",
        ),
        (
            "{id: c, uses: u}\nfinally:\n- {id: d, end: {}}",
            "5:16: 'end' of 'd' in 'finally': the run ends after it in any case",
        ),
    ],
)
def test_what_is_wrong_with_an_end_has_its_place(line, expected):
    assert problems(f"name: w\nsteps:\n- {line}\n") == [f"f.yaml:{expected}"]

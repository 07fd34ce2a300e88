"""Limits of steps, as a document states them."""

from __future__ import annotations

import pytest

from flowworker import DefinitionError, WorkflowBuilder
from flowworker.core.fairness import Fairness
from flowworker.core.graph import Plan
from flowworker.core.limit import Concurrency, Throttle
from flowworker.definitions import parse
from flowworker.definitions.writing import to_yaml
from tests.definitions.complaints import in_step


def step_of(keys):
    return parse(f"name: w\nsteps: [{{id: a, uses: u, {keys}}}]\n").steps[0]


def test_what_is_stated():
    assert step_of("limits: [stripe-api, mail]").limits == ("stripe-api", "mail")
    assert step_of("limits: stripe-api").limits == ("stripe-api",)
    step = step_of("concurrency: [{key: input.customer, limit: 5}, {limit: 100}]")
    assert step.concurrency == (Concurrency(5, "input.customer"), Concurrency(100))
    assert not step_of("timeout: 1s").limits
    step = step_of("throttle: {key: input.customer, limit: 5, period: 1m, burst: 2}")
    assert step.throttle == Throttle(5, 60.0, 2, "input.customer")
    assert step_of("throttle: {limit: 10, period: 1s}").throttle == Throttle(10, 1.0)
    assert step_of("fairness: {key: input.k}").fairness == Fairness("input.k")
    assert step_of("fairness: {key: input.k, weight: 2}").fairness == Fairness("input.k", 2.0)
    step = step_of("fairness: {key: input.k, weight: input.w}")
    assert step.fairness == Fairness("input.k", "input.w")


def test_it_is_written_as_it_was_read():
    text = (
        "name: w\nsteps: [{id: a, uses: u, limits: [l], concurrency: [{key: input.k, limit: 2}], "
        "throttle: {key: input.k, limit: 5, period: 1m}, fairness: {key: input.k, weight: 0.5}}]\n"
    )

    assert parse(to_yaml(parse(text))) == parse(text)


def test_a_builder_says_the_same():
    flow = WorkflowBuilder("w")
    flow.step(
        "u",
        id="a",
        limits=["l"],
        concurrency=[{"key": "input.k", "limit": 2}],
        throttle={"limit": 5, "period": "1m"},
        fairness={"key": "input.k", "weight": 3},
    )

    [step] = flow.build().steps
    assert (step.limits, step.concurrency) == (("l",), (Concurrency(2, "input.k"),))
    assert step.throttle == Throttle(5, 60.0)
    assert step.fairness == Fairness("input.k", 3.0)


def test_the_instances_of_a_loop_have_its_limits():
    own = "concurrency: [{key: item, limit: 2}], throttle: {limit: 1, period: 1s}"
    own += ", fairness: {key: item}"
    text = f"{{id: a, uses: u, for_each: {{items: [1]}}, {own}}}"
    plan = Plan(parse(f"name: w\nsteps: [{text}]\n"), "")

    assert plan.limited
    assert plan.step("a/0").concurrency == (Concurrency(2, "item"),)
    assert plan.step("a/0").throttle == Throttle(1, 1.0)
    assert plan.step("a/0").fairness == Fairness("item")
    assert (plan.step("a").concurrency, plan.step("a").throttle) == ((), None)
    assert plan.step("a").fairness is None


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "limits: [a.b]",
            "3:12: 'limits' of step 'a': 'a.b' is no name of a limit (at most 100 letters, digits, "
            "'_' and '-')",
        ),
        ("limits: [l, l]", "3:15: 'limits' of step 'a' has 'l' twice"),
        (
            "concurrency: 5",
            "3:16: 'concurrency' of step 'a': expected a list, each with a 'limit' and perhaps a "
            "'key', found 5",
        ),
        ("concurrency: [5]", "3:17: concurrency 1 of step 'a': expected a mapping, found 5"),
        (
            "concurrency: [{key: input.k}]",
            "3:17: missing 'limit' in concurrency 1 of step 'a'",
        ),
        (
            "concurrency: [{limit: 0}]",
            "3:25: 'limit' of concurrency 1 of step 'a': expected a whole number from 1 to 1000, "
            "found 0",
        ),
        (
            "concurrency: [{limit: 1, key: inputs.k}]",
            "3:33: 'key' of concurrency 1 of step 'a': nothing is called 'inputs' (did you mean "
            "'input'?)",
        ),
        (
            "concurrency: [{limit: 1, key: '[1]'}]",
            "3:33: 'key' of concurrency 1 of step 'a': expected a text or a number, found "
            "list<int>",
        ),
        (
            "concurrency: [{limit: 1, key: 'null'}]",
            "3:33: 'key' of concurrency 1 of step 'a': expected a text or a number, found null",
        ),
        (
            f"concurrency: [{', '.join(11 * ['{limit: 1}'])}]",
            "3:16: step 'a' falls under 11 limits: at most 10 are possible",
        ),
        ("throttle: 5", "3:13: 'throttle' of step 'a': expected a mapping, found 5"),
        ("throttle: {period: 1s}", "3:13: missing 'limit' in throttle of step 'a'"),
        ("throttle: {limit: 1}", "3:13: missing 'period' in throttle of step 'a'"),
        (
            "throttle: {limit: 0, period: 1s}",
            "3:21: 'limit' of throttle of step 'a': expected a whole number from 1 to 1000000000, "
            "found 0",
        ),
        (
            "throttle: {limit: 1, period: 0}",
            "3:32: 'period' of throttle of step 'a': expected a duration greater than 0, found 0",
        ),
        (
            "throttle: {limit: 5000, period: 1s}",
            "3:21: throttle of step 'a': expected at most 1,000 in a second, found 5,000",
        ),
        (
            "throttle: {limit: 1, period: 1s, burst: 0}",
            "3:43: 'burst' of throttle of step 'a': expected a whole number from 1 to 10000, "
            "found 0",
        ),
        (
            "throttle: {limit: 1, period: 1s, key: inputs.k}",
            "3:41: 'throttle.key' of step 'a': nothing is called 'inputs' (did you mean 'input'?)",
        ),
        (
            "throttle: {limit: 1, period: 1s, key: '{}'}",
            "3:41: 'throttle.key' of step 'a': expected a text or a number, found map<dyn, dyn>",
        ),
        ("fairness: k", "3:13: 'fairness' of step 'a': expected a mapping, found 'k'"),
        ("fairness: {weight: 1}", "3:13: missing 'key' in fairness of step 'a'"),
        (
            "fairness: {key: inputs.k}",
            "3:19: 'fairness.key' of step 'a': nothing is called 'inputs' (did you mean 'input'?)",
        ),
        (
            "fairness: {key: '[1]'}",
            "3:19: 'fairness.key' of step 'a': expected a text or a number, found list<int>",
        ),
        *(
            (
                f"fairness: {{key: input.k, weight: {weight}}}",
                "3:36: 'weight' of fairness of step 'a': expected a number from 0.001 to 1000, or "
                f"an expression, found {weight}",
            )
            for weight in ("0", "-1", "1001")
        ),
        (
            "fairness: {key: input.k, weight: [1]}",
            "3:36: 'weight' of fairness of step 'a': expected a number from 0.001 to 1000, or an "
            "expression, found a list",
        ),
        (
            "fairness: {key: input.k, weight: inputs.w}",
            "3:36: 'fairness.weight' of step 'a': nothing is called 'inputs' (did you mean "
            "'input'?)",
        ),
        (
            "fairness: {key: input.k, weight: \"'a'\"}",
            "3:36: 'fairness.weight' of step 'a': expected a number, found string",
        ),
    ],
)
def test_what_is_wrong_is_said(keys, problem):
    assert in_step(keys) == [f"f.yaml:{problem}"]


def test_a_step_without_a_handler_has_none():
    with pytest.raises(
        DefinitionError, match="'limits' of step 'a' is about a handler, and it has none"
    ):
        parse("name: w\nsteps: [{id: a, sleep: 1s, limits: [l]}]\n")

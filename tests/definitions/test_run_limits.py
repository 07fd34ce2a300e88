"""Limits of runs, as a document states them."""

from __future__ import annotations

import pytest

from flowworker import DefinitionError, WorkflowBuilder
from flowworker.core.admission import RateLimit, RunConcurrency, Singleton, SingletonMode
from flowworker.core.debounce import Debounce
from flowworker.core.limit import Strategy, Throttle
from flowworker.core.model import Step, Workflow
from flowworker.core.rate import Rate
from flowworker.definitions import content_hash, parse
from flowworker.definitions.run_limits import Stated, stated
from flowworker.definitions.validate import check_workflow
from flowworker.definitions.writing import to_yaml


def workflow_of(keys, steps="[{id: a, uses: u}]"):
    return parse(f"name: w\n{keys}\nsteps: {steps}\n", source="f.yaml")


ALL = (
    "concurrency: [{key: input.k, limit: 2, strategy: skip}, {limit: 9}]\nsingleton: {mode: cancel}"
    "\nthrottle: {limit: 5, period: 1m, burst: 2}\nrate_limit: {key: input.k, limit: 3, period: 1h}"
    "\ndebounce: {key: input.k, period: 5s, timeout: 1m}"
)
THROTTLE, RATE_LIMIT = Throttle(5, 60.0, 2), RateLimit(3, 3_600.0, key="input.k")


def test_what_is_stated():
    workflow = workflow_of(ALL)

    assert workflow.concurrency == (RunConcurrency(2, "input.k", Strategy.SKIP), RunConcurrency(9))
    assert workflow.singleton == Singleton(mode=SingletonMode.CANCEL)
    assert list(stated(workflow)) == [
        Stated(-1, "singleton", 1, "", Strategy.CANCEL_OLDEST),
        Stated(0, "concurrency 1", 2, "input.k", Strategy.SKIP),
        Stated(1, "concurrency 2", 9, "", Strategy.QUEUE),
        Stated(-2, "rate_limit", None, "input.k", Strategy.SKIP, Rate(3, 3_600.0, 3)),
        Stated(-3, "throttle", None, "", Strategy.QUEUE, Rate(5, 60.0, 2)),
    ]
    assert (workflow.throttle, workflow.rate_limit) == (THROTTLE, RATE_LIMIT)
    assert workflow.debounce == Debounce(5.0, 60.0, "input.k")
    assert workflow_of("debounce: {period: 5s}").debounce == Debounce(5.0)
    plain = workflow_of("singleton: {key: labels.tenant}")
    assert plain.singleton == Singleton("labels.tenant", SingletonMode.SKIP)
    assert list(stated(workflow_of("version: v1"))) == []


@pytest.mark.parametrize(
    "limits",
    [
        "concurrency: [{limit: 1}]",
        "singleton: {}",
        "throttle: {limit: 1, period: 5s}",
        "rate_limit: {limit: 1, period: 5s}",
        "debounce: {period: 5s}",
    ],
)
def test_what_is_left_out_is_as_if_it_were_built_without_it(limits):
    read = workflow_of(limits)

    check_workflow(read)
    assert parse(to_yaml(read)) == read


def test_it_is_written_as_it_was_read_and_built():
    read = workflow_of(ALL)
    built = WorkflowBuilder(
        "w",
        concurrency=[{"key": "input.k", "limit": 2, "strategy": "skip"}, {"limit": 9}],
        singleton={"mode": "cancel"},
        throttle={"limit": 5, "period": "1m", "burst": 2},
        rate_limit={"key": "input.k", "limit": 3, "period": "1h"},
        debounce={"key": "input.k", "period": "5s", "timeout": "1m"},
    )
    built.step("u", id="a")

    assert parse(to_yaml(read)) == read
    assert content_hash(built.build()) == content_hash(read)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "concurrency: 5",
            "2:14: 'concurrency' of the workflow: expected a list, each with a 'limit' and perhaps "
            "a 'key', found 5",
        ),
        ("concurrency: [5]", "2:15: concurrency 1 of the workflow: expected a mapping, found 5"),
        ("concurrency: [{key: input.k}]", "2:15: missing 'limit' in concurrency 1 of the workflow"),
        (
            "concurrency: [{limit: 0}]",
            "2:23: 'limit' of concurrency 1 of the workflow: expected a whole number from 1 to "
            "1000, found 0",
        ),
        (
            "concurrency: [{limit: 1, strategy: wait}]",
            "2:36: 'strategy' of concurrency 1 of the workflow: expected one of queue, "
            "cancel_oldest, cancel_newest, skip, found 'wait'",
        ),
        (
            "concurrency: [{limit: 1, key: steps.a.output}]",
            "2:31: 'key' of concurrency 1 of the workflow: nothing is called 'steps' (there are: "
            "input, labels)",
        ),
        (
            "singleton: {key: '{1: 2}'}",
            "2:18: 'key' of singleton of the workflow: expected a text or a number, found "
            "map<int, int>",
        ),
        (
            "singleton: 5",
            "2:12: 'singleton' of the workflow: expected a mapping with a 'mode' and perhaps a "
            "'key', found 5",
        ),
        (
            "singleton: {mode: queue}",
            "2:19: 'mode' of singleton of the workflow: expected one of skip, cancel, found "
            "'queue'",
        ),
        (
            "throttle: {limit: 0, period: 1s}",
            "2:19: 'limit' of throttle of the workflow: expected a whole number from 1 to "
            "1000000000, found 0",
        ),
        ("debounce: {timeout: 5s}", "2:11: missing 'period' in debounce of the workflow"),
        (
            "debounce: {period: 5s, timeout: 1s}",
            "2:33: 'timeout' of debounce of the workflow is shorter than its 'period': no start "
            "would ever wait for so long",
        ),
        (
            "debounce: {period: 5s, key: '{}'}",
            "2:29: 'key' of debounce of the workflow: expected a text or a number, found "
            "map<dyn, dyn>",
        ),
        ("rate_limit: {limit: 1}", "2:13: missing 'period' in rate_limit of the workflow"),
        (
            "rate_limit: {limit: 1, period: 0s}",
            "2:32: 'period' of rate_limit of the workflow: expected a duration greater than 0, "
            "found '0s'",
        ),
        (
            "throttle: {limit: 9000, period: 1s}",
            "2:19: throttle of the workflow: expected at most 1,000 in a second, found 9,000",
        ),
        (
            "rate_limit: {limit: 1, period: 1s, key: steps.a.output}",
            "2:41: 'key' of rate_limit of the workflow: nothing is called 'steps' (there are: "
            "input, labels)",
        ),
        (
            "throttle: {limit: 1, period: 1s, key: '[1]'}",
            "2:39: 'key' of throttle of the workflow: expected a text or a number, found list<int>",
        ),
        (
            f"concurrency: [{', '.join(10 * ['{limit: 1}'])}]\nsingleton: {{}}",
            "2:14: runs of the workflow fall under 11 limits: at most 10 are possible",
        ),
    ],
)
def test_what_is_wrong_is_said(keys, problem):
    with pytest.raises(DefinitionError) as raised:
        workflow_of(keys)

    assert [str(one) for one in raised.value.problems] == [f"f.yaml:{problem}"]


@pytest.mark.parametrize("key", ["steps", "finally"])
def test_a_run_that_is_a_step_of_its_own_workflow_would_wait_for_itself(key):
    steps = "[{id: a, uses: u}]\nfinally: " if key == "finally" else ""
    own = f"{steps}[{{id: b, workflow: w}}, {{id: c, workflow: v}}]"

    with pytest.raises(DefinitionError, match="step 'b' is a run of its own workflow, and would"):
        workflow_of("singleton: {}", own)

    assert workflow_of("throttle: {limit: 1, period: 1s}", own)
    assert workflow_of("singleton: {key: input.depth}", own)
    assert workflow_of("version: v1", own)


def test_what_is_built_by_hand_is_held_to_the_same():
    wrong = Workflow("w", (Step("a", "u"),), concurrency=(RunConcurrency(0),))

    with pytest.raises(DefinitionError, match="expected a whole number from 1 to 1000, found 0"):
        check_workflow(wrong)

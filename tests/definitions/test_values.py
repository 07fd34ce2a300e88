"""What a document gives to handlers and results in."""

from __future__ import annotations

import pytest

from flowworker.core.model import Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.core.status import Priority
from flowworker.definitions import parse
from flowworker.errors import DefinitionError


def problems(text):
    with pytest.raises(DefinitionError) as caught:
        parse(text, "f")
    return [str(problem) for problem in caught.value.problems]


def test_values_are_kept_as_they_are_written():
    text = """
name: w
output: {total: "${steps.a.output.total}"}
steps:
- id: a
  uses: u
  with: {card: "${input.card}", lines: [1, {sku: "${input.sku}"}]}
  timeout: ${input.limit}
  priority: ${input.priority}
  fallback: {uses: v, with: {card: none}}
  saga: {uses: w, with: {}, timeout: "${input.limit}"}
"""
    assert parse(text) == Workflow(
        name="w",
        output={"total": "${steps.a.output.total}"},
        steps=(
            Step(
                id="a",
                uses="u",
                with_={"card": "${input.card}", "lines": [1, {"sku": "${input.sku}"}]},
                timeout="${input.limit}",
                priority="${input.priority}",
                fallback=Fallback(uses="v", with_={"card": "none"}),
                saga=Saga(uses="w", with_={}, timeout="${input.limit}"),
            ),
        ),
    )


def test_a_step_may_have_a_lane_of_its_own():
    (step,) = parse("name: w\nsteps: [{id: a, uses: u, priority: low}]").steps
    assert step.priority == Priority.LOW


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("with: [a]", "f:5:9: 'with' of step 'a': expected a mapping of names to values"),
        ("fallback: {uses: v, with: 1}", "f:5:29: 'with' of fallback of step 'a': expected"),
        ("saga: {uses: v, with: x}", "f:5:25: 'with' of saga of step 'a': expected a mapping"),
        ("timeout: soon", "f:5:12: 'timeout' of step 'a': expected a duration"),
        (
            "queue: ${input.q}",
            "f:5:10: 'queue' of step 'a': expected a name, found '${input.q}' (a step has the same",
        ),
        ("priority: urgent", "f:5:13: 'priority' of step 'a': expected one of high, normal, low"),
    ],
)
def test_what_is_no_value(line, problem):
    (found,) = problems(f"name: w\nsteps:\n- id: a\n  uses: u\n  {line}\n")
    assert found.startswith(problem)


def test_an_output_is_a_mapping():
    (found,) = problems("name: w\noutput: x\nsteps: [{id: a, uses: u}]\n")
    assert found.startswith("f:2:9: 'output' of the workflow: expected a mapping of names")


def test_an_interval_may_be_an_expression():
    text = "{max_attempts: 2, interval: '${input.pause}', max_interval: 1s}"
    (step,) = parse(f"name: w\nsteps: [{{id: a, uses: u, retry: {text}}}]").steps
    assert step.retry == RetryPolicy(max_attempts=2, interval="${input.pause}", max_interval=1.0)

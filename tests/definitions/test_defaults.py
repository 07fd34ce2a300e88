"""`defaults` of a workflow: what they mean, and what is said of wrong ones."""

from __future__ import annotations

import pytest

from flowworker.core.model import RetryPolicy
from flowworker.definitions import content_hash, parse
from tests.definitions.complaints import DURATION_RULE, in_workflow

DECLARED = """
name: w
defaults:
  queue: gpu
  timeout: 30s
  retry: {max_attempts: 3, interval: 1s}
  with: {region: eu, size: 1}
steps:
  - {id: a, uses: u}
  - {id: b, uses: u, queue: cpu, timeout: 1h, retry: 1, with: {size: 2, "n": 3}}
  - {id: c, sleep: 1m}
  - {id: d, uses: u, max_retries: 1}
finally:
  - {id: e, uses: u}
"""
WRITTEN_OUT = """
name: w
steps:
  - id: a
    uses: u
    queue: gpu
    timeout: 30s
    retry: {max_attempts: 3, interval: 1s}
    with: {region: eu, size: 1}
  - {id: b, uses: u, queue: cpu, timeout: 1h, with: {region: eu, size: 2, "n": 3}}
  - {id: c, sleep: 1m}
  - id: d
    uses: u
    queue: gpu
    timeout: 30s
    retry: {max_attempts: 2}
    with: {region: eu, size: 1}
finally:
  - id: e
    uses: u
    queue: gpu
    timeout: 30s
    retry: {max_attempts: 3, interval: 1s}
    with: {region: eu, size: 1}
"""


def test_defaults_are_the_form_that_is_written_out():
    declared, written = parse(DECLARED), parse(WRITTEN_OUT)

    assert declared == written
    assert content_hash(declared) == content_hash(written)


def test_defaults_may_be_rules_and_stand_behind_the_steps():
    found = parse("name: w\nsteps: [{id: a, uses: u}]\ndefaults: {retry: [{on: A}, {}]}")

    assert found.steps[0].retry == (RetryPolicy(on=("A",)), RetryPolicy())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("defaults: 3", "1:11: 'defaults' of the workflow: expected a mapping, found 3"),
        (
            "defaults: {uses: u}",
            "1:12: unknown key 'uses' in defaults of the workflow (each step says that itself)",
        ),
        (
            "defaults: {retries: 3}",
            "1:12: unknown key 'retries' in defaults of the workflow (did you mean 'retry'?)",
        ),
        (
            "defaults: {queue: upload}",
            "1:19: defaults of the workflow: queue 'upload' is no queue of workers (choose another "
            "name)",
        ),
        (
            "defaults: {timeout: soon}",
            f"1:21: 'timeout' of defaults of the workflow: expected {DURATION_RULE}, found 'soon'",
        ),
        (
            "defaults: {retry: {max_attempts: 0}}",
            "1:34: 'max_attempts' of retry of defaults of the workflow: expected a whole number "
            "from 1 to 1000, found 0",
        ),
        (
            "default_args: {}",
            "1:1: unknown key 'default_args' in the workflow (did you mean 'defaults'?)",
        ),
        (
            "retry: 3",
            "1:1: unknown key 'retry' in the workflow (what holds for all steps stands under "
            "'defaults')",
        ),
    ],
)
def test_wrong_defaults(line, expected):
    assert in_workflow(line) == [f"f.yaml:{expected}"]


def test_expressions_of_defaults_may_name_the_input_and_no_step():
    lines = "defaults: {timeout: '${input.limit}', with: {n: '${input.n}'}}"
    assert parse(f"{lines}\nname: w\nsteps: [{{id: a, uses: u}}]").steps[0].with_ is not None

    [problem] = in_workflow("defaults: {with: {n: '${steps.a.output}'}}")
    assert problem.startswith("f.yaml:1:")
    assert "'with' of defaults of the workflow" in problem

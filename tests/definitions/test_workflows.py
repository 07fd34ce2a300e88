"""What valid documents become: the Go package's two generations, and ours."""

from __future__ import annotations

import json

import pytest

from flowworker.core.model import (
    Backoff,
    Escalation,
    EscalationStrategy,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
    Workflow,
)
from flowworker.core.status import Priority
from flowworker.definitions import parse, parse_all
from flowworker.errors import DefinitionError


def step(text):
    """The one step of a workflow, from its further keys."""
    (found,) = parse(f"name: w\nsteps:\n- id: a\n  uses: u\n  {text}\n").steps
    return found


def test_the_first_generation_of_the_go_package():
    text = """
name: product.enrichment
version: v1
description: Fetch and enrich.
expose_to_ai: yes
input_schema: {type: object}
steps:
  - id: fetch
    uses: catalog.fetch
    retry: {max_attempts: 3, backoff: exponential, interval: 100ms}
    fallback: {step: catalog.cached}
  - id: process
    uses: ai.process
    depends_on: [fetch]
    escalation: {strategy: wait_human}
    saga: {uses: ai.undo, is_critical: true}
"""
    assert parse(text) == Workflow(
        name="product.enrichment",
        version="v1",
        description="Fetch and enrich.",
        expose_to_ai=True,
        input_schema={"type": "object"},
        steps=(
            Step(
                id="fetch",
                uses="catalog.fetch",
                retry=RetryPolicy(max_attempts=3, backoff=Backoff.EXPONENTIAL, interval=0.1),
                fallback=Fallback(uses="catalog.cached"),
            ),
            Step(
                id="process",
                uses="ai.process",
                depends_on=("fetch",),
                escalation=Escalation(EscalationStrategy.WAIT_HUMAN),
                saga=Saga(uses="ai.undo", is_critical=True),
            ),
        ),
    )


def test_the_later_generation_of_the_go_package():
    # Here `id` is the name, and `name` a title.
    text = """
id: customer.segmentation
name: Customer segmentation
steps:
  - {id: customer.calculate, name: Calculate persona, uses: customer.calculate, max_retries: 2}
  - {id: update, uses: customer.update, depends_on: [customer.calculate], saga: {uses: undo}}
"""
    assert parse(text) == Workflow(
        name="customer.segmentation",
        description="Customer segmentation",
        steps=(
            Step(
                id="customer.calculate",
                uses="customer.calculate",
                retry=RetryPolicy(max_attempts=3),
            ),
            Step(
                id="update",
                uses="customer.update",
                depends_on=("customer.calculate",),
                saga=Saga(uses="undo"),
            ),
        ),
    )


def test_ours():
    text = """
name: order.fulfil
timeout: 1h
retention: 0
priority: high
steps:
  - id: charge
    uses: payments.charge
    queue: payments
    timeout: 30s
    retry:
      max_attempts: 5
      backoff: exponential
      interval: 200ms
      max_interval: 10s
      jitter: 0.2
      non_retryable: [CardDeclined, orders.errors.Closed]
    fallback: payments.charge_backup
    escalation: {}
    saga:
      uses: payments.refund
      timeout: 1m
      retry: {interval: 1s}
"""
    assert parse(text) == Workflow(
        name="order.fulfil",
        timeout=3600.0,
        retention=0.0,
        priority=Priority.HIGH,
        steps=(
            Step(
                id="charge",
                uses="payments.charge",
                queue="payments",
                timeout=30.0,
                retry=RetryPolicy(
                    max_attempts=5,
                    backoff=Backoff.EXPONENTIAL,
                    interval=0.2,
                    max_interval=10.0,
                    jitter=0.2,
                    non_retryable=("CardDeclined", "orders.errors.Closed"),
                ),
                fallback=Fallback(uses="payments.charge_backup"),
                escalation=Escalation(),
                # What the saga's retry does not say, it has from the saga's own default.
                saga=Saga(
                    uses="payments.refund",
                    timeout=60.0,
                    retry=RetryPolicy(max_attempts=3, backoff=Backoff.EXPONENTIAL, interval=1.0),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("text", "version"),
    [("v1", "v1"), ("1.10", "1.10"), ("'2'", "2"), ("2026-01-02", "2026-01-02"), ("", "")],
)
def test_a_version_is_what_is_written(text, version):
    assert parse(f"name: w\nversion: {text}\nsteps: [{{id: a, uses: u}}]").version == version


def test_names_may_look_like_numbers():
    text = "name: 7\nsteps: [{id: 1, uses: 2.0}, {id: no, uses: u, depends_on: [1]}]"
    workflow = parse(text)
    assert workflow.name == "7"
    assert [(s.id, s.uses, s.depends_on) for s in workflow.steps] == [
        ("1", "2.0", ()),
        ("no", "u", ("1",)),
    ]


@pytest.mark.parametrize(
    ("word", "flag"),
    [("true", True), ("Yes", True), ("on", True), ("FALSE", False), ("no", False), ("off", False)],
)
def test_the_words_for_flags(word, flag):
    assert step(f"saga: {{uses: u, is_critical: {word}}}").saga.is_critical is flag


def test_a_single_dependency_needs_no_list():
    text = "name: w\nsteps: [{id: a, uses: u}, {id: b, uses: u, depends_on: a}]"
    assert parse(text).steps[1].depends_on == ("a",)


def test_null_is_as_good_as_absent():
    nothing = "depends_on:\n  queue: ~\n  retry: null\n  fallback:\n  saga:\n  escalation:\n"
    assert step(nothing) == Step(id="a", uses="u")


def test_attempts_in_both_forms_may_agree():
    found = step("max_retries: 2\n  retry: {max_attempts: 3, interval: 1s}")
    assert found.retry == RetryPolicy(max_attempts=3, interval=1.0)


def test_both_forms_of_attempts_complete_each_other():
    found = step("max_retries: 2\n  retry: {interval: 1s}")
    assert found.retry == RetryPolicy(max_attempts=3, interval=1.0)


def test_steps_may_share_what_an_anchor_names():
    text = """
name: w
steps:
  - &patient {id: a, uses: u, retry: &retry {max_attempts: 9}}
  - {<<: *patient, id: b}
  - {id: c, uses: u, saga: {uses: u, retry: *retry}}
"""
    a, b, c = parse(text).steps
    assert b == Step(id="b", uses="u", retry=a.retry)
    assert c.saga == Saga(uses="u", retry=RetryPolicy(max_attempts=9, backoff=Backoff.EXPONENTIAL))


def test_json_is_as_good_as_yaml():
    document = {"name": "w", "steps": [{"id": "a", "uses": "u", "timeout": 1.5e1}]}
    expected = Workflow(name="w", steps=(Step(id="a", uses="u", timeout=15.0),))
    assert parse(json.dumps(document, indent="\t")) == expected
    assert parse(json.dumps(document).encode()) == expected


def test_parse_all_reads_every_document():
    text = "name: a\nsteps: [{id: a, uses: u}]\n---\nname: b\nsteps: [{id: a, uses: u}]\n---\n"
    assert [workflow.name for workflow in parse_all(text)] == ["a", "b"]


def test_parse_all_tells_the_problems_of_every_document():
    with pytest.raises(DefinitionError) as caught:
        parse_all("name: a\n---\nname: b\n", "f.yaml")
    assert tuple(map(str, caught.value.problems)) == (
        "f.yaml:1:1: missing 'steps' in the workflow",
        "f.yaml:3:1: missing 'steps' in the workflow",
    )


def test_one_name_cannot_be_two_workflows():
    text = "name: a\nsteps: [{id: a, uses: u}]\n---\nid: a\nsteps: [{id: a, uses: v}]\n"
    with pytest.raises(DefinitionError) as caught:
        parse_all(text, "f.yaml")
    assert tuple(map(str, caught.value.problems)) == (
        "f.yaml:4:5: workflow 'a' is defined differently elsewhere (see f.yaml:1)",
    )

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings

from flowworker import definitions
from flowworker.core.model import Escalation, RetryPolicy, Saga, Step, Workflow
from flowworker.definitions import Parser, content_hash, decode, encode, parse, plan_of
from flowworker.errors import DefinitionError
from tests.definitions.strategies import workflows

WORKFLOW = Workflow(
    name="order.fulfil",
    steps=(
        Step(id="reserve", uses="inventory.reserve", saga=Saga(uses="inventory.release")),
        Step(id="charge", uses="payments.charge", depends_on=("reserve",), timeout=30.0),
    ),
    input_schema={"type": "object", "required": ["id"], "minProperties": 1},
)


@pytest.mark.slow
@given(workflows())
@settings(max_examples=30, deadline=None)
def test_what_is_encoded_is_decoded_as_the_same(workflow):
    content = encode(workflow)
    assert decode(content) == workflow
    assert encode(decode(content)) == content


@pytest.mark.slow
@given(workflows())
@settings(max_examples=30, deadline=None)
def test_what_is_built_by_hand_may_be_written_as_a_file(workflow):
    # Given a valid workflow
    Parser().validate(workflow)
    # When its content is read as a document, then it is the same workflow
    assert parse(json.dumps(json.loads(encode(workflow)))) == workflow


def test_the_canonical_form_is_fixed():
    # Runs that are stored pin hashes of it: it never changes.
    assert encode(WORKFLOW) == (
        b'{"input_schema":{"minProperties":1,"required":["id"],"type":"object"},'
        b'"name":"order.fulfil","steps":['
        b'{"id":"reserve","saga":{"uses":"inventory.release"},"uses":"inventory.reserve"},'
        b'{"depends_on":["reserve"],"id":"charge","timeout":30.0,"uses":"payments.charge"}]}'
    )
    assert content_hash(WORKFLOW) == "1e2defa470f4f5b14591d9f41608bb33"


def test_a_policy_of_a_saga_reads_the_same_as_a_document():
    # Given a saga with an ordinary policy, where a saga's own default has three attempts
    saga = Saga(uses="u", retry=RetryPolicy(interval=1.0))
    content = encode(Workflow(name="w", steps=(Step(id="a", uses="u", saga=saga),)))
    # Then what it says is all that matters, no matter who reads it
    assert decode(content).steps[0].saga == saga
    assert parse(content).steps[0].saga == saga


@pytest.mark.parametrize(
    "same",
    [
        "name: w\nsteps: [{id: a, uses: u, timeout: 60s, escalation: {}}]",
        "steps: [{timeout: 1m, uses: u, id: a, escalation: {strategy: wait_human}}]\nid: w\n",
        "name: w\npriority: normal\nsteps: [{id: a, uses: u, timeout: 60, escalation: {}, "
        "retry: {interval: 100ms, jitter: 0}, queue: default}]",
    ],
)
def test_the_hash_is_of_what_is_meant(same):
    by_hand = Workflow(
        name="w",
        steps=(Step(id="a", uses="u", timeout=60, escalation=Escalation(), retry=RetryPolicy()),),
    )
    assert content_hash(parse(same)) == content_hash(by_hand)


def test_the_hash_tells_workflows_apart():
    others = [
        msgspec.structs.replace(WORKFLOW, **change)
        for change in (
            {"name": "x"},
            {"version": "2"},
            {"steps": WORKFLOW.steps[:1]},
            {"input_schema": {"type": "object", "minProperties": 1.0}},
        )
    ]
    assert len({content_hash(workflow) for workflow in [WORKFLOW, *others]}) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"name":"w"}', "Object missing required field `steps`"),
        (b'{"name":"w","steps":[],"when":1}', "Object contains unknown field `when`"),
        (b'{"name":"\xff","steps":[]}', "utf-8"),
        (b'{"name":"w","steps":[],"input_schema":{"a":' + b"[" * 100_000, "recursion"),
    ],
)
def test_foreign_bytes_are_refused(content, reason):
    with pytest.raises(DefinitionError, match=r"^stored definition cannot be read: ") as caught:
        decode(content)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "workflow",
    [
        msgspec.structs.replace(WORKFLOW, name=5),
        Workflow(name="w", steps=(), input_schema={"a": object()}),
        Workflow(name="w", steps=(), description="\ud83d"),
    ],
)
def test_what_is_no_json_is_refused(workflow):
    with pytest.raises(DefinitionError, match="cannot be encoded"):
        encode(workflow)


def test_a_plan_has_the_hash_and_the_graph():
    plan = plan_of(WORKFLOW)
    assert plan.workflow is WORKFLOW
    assert plan.hash == content_hash(WORKFLOW)
    assert plan.order == ("reserve", "charge")


def test_nothing_else_is_found_in_the_room():
    with pytest.raises(AttributeError, match="no attribute 'parse_none'"):
        _ = definitions.parse_none

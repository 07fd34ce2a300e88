"""The JSON Schema that editors use agrees with the validator."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from jsonschema_rs import Draft202012Validator, meta

from flowworker.definitions import encode, workflow_schema
from tests.definitions.strategies import workflows

SCHEMA = workflow_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
STEPS = [{"id": "a", "uses": "u"}]


def test_it_is_a_schema():
    meta.validate(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.slow
@given(workflows())
@settings(max_examples=30, deadline=None)
def test_every_workflow_fits_it(workflow):
    VALIDATOR.validate(json.loads(encode(workflow)))


@pytest.mark.parametrize(
    "document",
    [
        {"id": "w", "name": "A title", "version": 1.1, "steps": STEPS},
        {"name": "w", "steps": [{**STEPS[0], "depends_on": "b", "fallback": "c"}]},
        {"name": "w", "steps": [{**STEPS[0], "fallback": {"step": "c"}, "max_retries": 3}]},
        {"name": "w", "steps": [{**STEPS[0], "retry": 3, "saga": "u", "escalation": "wait_human"}]},
        {"name": "w", "steps": [{**STEPS[0], "retry": [{"on": "A"}, {"factor": 1.5}]}]},
        {"name": "w", "steps": STEPS, "defaults": {"retry": 2, "with": {"a": 1}, "queue": "q"}},
        {"name": "w", "timeout": "1h30m", "retention": 60, "steps": STEPS},
        {"name": "w", "steps": [{**STEPS[0], "retry": {"non_retryable": "A"}, "saga": None}]},
    ],
)
def test_documents_that_fit(document):
    VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "document",
    [
        {"steps": STEPS},
        {"name": "w"},
        {"name": "w", "steps": []},
        {"name": "no name", "steps": STEPS},
        {"id": "no name", "name": "A title", "steps": STEPS},
        {"name": "w", "steps": STEPS, "stepz": []},
        {"name": "w", "steps": [{"id": "a"}]},
        {"name": "w", "steps": [{**STEPS[0], "depend_on": ["b"]}]},
        {"name": "w", "timeout": "soon", "steps": STEPS},
        {"name": "w", "priority": "highest", "steps": STEPS},
        {"name": "w", "steps": [{**STEPS[0], "retry": {"max_attempts": 0}}]},
        {"name": "w", "steps": [{**STEPS[0], "retry": 0}]},
        {"name": "w", "steps": [{**STEPS[0], "retry": []}]},
        {"name": "w", "steps": [{**STEPS[0], "retry": {"factor": 0.9}}]},
        {"name": "w", "steps": STEPS, "defaults": {"uses": "u"}},
    ],
)
def test_documents_that_do_not(document):
    assert not VALIDATOR.is_valid(document)


def test_editors_can_explain_every_part():
    assert all(definition.get("description") for definition in SCHEMA["$defs"].values())
    properties = SCHEMA["$defs"]["RetryDocument"]["properties"]
    assert all(each.get("description") for each in properties.values())

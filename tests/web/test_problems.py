"""Errors as answers."""

from __future__ import annotations

import pytest

from flowworker import errors
from flowworker.web.problems import problem_of, status_of

RAISED = [
    (errors.InvalidInput("no"), 400),
    (errors.ConversionError("no"), 400),
    (errors.PayloadTooLarge("no"), 413),
    (errors.RunIdTaken("no"), 409),
    (errors.RunRefused("no"), 409),
    (errors.ScheduleIdTaken("no"), 409),
    (errors.RunNotFound("no"), 404),
    (errors.WorkflowNotFound("no"), 404),
    (errors.NamespaceNotFound("no"), 503),
    (errors.DefinitionError(["one", "two"]), 400),
    (errors.ExpressionError("a.b", "no"), 422),
    (errors.CorruptRecord("key", b"raw", "no"), 500),
    (errors.Unavailable("no"), 503),
    (errors.ServerUnavailable("no"), 503),
    (errors.PermissionDenied("no"), 502),
    (errors.PayloadKeyMissing("key"), 502),
    (errors.ResultTimeout("no"), 504),
    (errors.TopologyMismatch("no"), 500),
]


@pytest.mark.parametrize(("error", "status"), RAISED, ids=lambda value: type(value).__name__)
def test_an_error_has_a_status(error, status):
    assert status_of(error) == status

    problem = problem_of(error)
    assert problem.status == status
    assert problem.type == f"urn:flowworker:{type(error).__name__}"
    assert problem.detail == str(error)
    assert problem.title


def test_several_problems_are_listed():
    assert problem_of(errors.DefinitionError(["one", "two"])).problems == ("one", "two")

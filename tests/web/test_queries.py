"""Parameters of requests."""

from __future__ import annotations

import pytest

from flowworker.core.status import RunStatus
from flowworker.web.forms import ListQuery
from flowworker.web.problems import ApiError
from flowworker.web.queries import read_query


def test_what_is_left_out_is_as_the_document_says():
    assert read_query(ListQuery, []) == ListQuery()


def test_text_is_read_as_what_is_expected():
    items = [("status", "FAILED"), ("limit", "5"), ("children", "false")]
    expected = ListQuery(status=RunStatus.FAILED, limit=5, children=False)

    assert read_query(ListQuery, items) == expected


@pytest.mark.parametrize("name", ["null", "NULL"])
def test_a_workflow_and_a_run_may_be_called_null(name):
    """They were taken for parameters that were left out, so that all runs were listed."""
    found = read_query(ListQuery, [("workflow", name), ("cursor", name)])

    assert (found.workflow, found.cursor) == (name, name)


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([("status", "null")], "parameters: Invalid enum value 'null'"),
        ([("limit", "null")], "parameters: Expected `int`, got `str`"),
        ([("limit", "many")], "parameters: Expected `int`, got `str`"),
        ([("limit", "0")], "parameters: Expected `int` >= 1"),
        ([("colour", "red")], "parameters: Object contains unknown field `colour`"),
        ([("limit", "1"), ("limit", "2")], "'limit' is given 2 times"),
    ],
)
def test_anything_else_is_an_error(items, text):
    with pytest.raises(ApiError) as raised:
        read_query(ListQuery, items)

    assert raised.value.problem.status == 400
    assert text in raised.value.problem.detail

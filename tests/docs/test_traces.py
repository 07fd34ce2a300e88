"""The page on traces, held against the code."""

from __future__ import annotations

from flowworker.core.status import Kind
from flowworker.telemetry.conventions import Attribute, LinkKind, Result
from tests.docs.pages import column, table, words


def test_every_attribute_is_described():
    described = column(table("traces.md", "Attributes"), "attribute")

    assert described == [each.value for each in Attribute]


def test_the_results_are_all_there_are():
    rows = {words(row["attribute"])[0]: row["meaning"] for row in table("traces.md", "Attributes")}

    results = {*words(rows[Attribute.RUN_RESULT]), *words(rows[Attribute.RESULT])}
    assert results == {each.value for each in Result}
    assert {*words(rows[Attribute.OPERATION_NAME])} == {*(each.value for each in Kind), "emit"}


def test_every_kind_of_link_is_described():
    described = column(table("traces.md", "Links"), "value")

    assert described == [each.value for each in LinkKind]

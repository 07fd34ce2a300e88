"""The chart's schema names the settings that the code has: no other, and all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowworker.jetstream import TopologyOptions
from flowworker.settings import Settings

SCHEMA = Path(__file__).parents[2] / "deploy/helm/flowworker/values.schema.json"


@pytest.mark.parametrize(
    ("values", "struct"), [("settings", Settings), ("streams", TopologyOptions)]
)
def test_settings_of_the_chart_are_those_of_the_code(values, struct):
    known = json.loads(SCHEMA.read_text("utf-8"))["definitions"][values]

    assert known["additionalProperties"] is False
    assert set(known["properties"]) == set(struct.__struct_fields__), (
        f"name the setting in {SCHEMA.name}, definitions.{values}"
    )

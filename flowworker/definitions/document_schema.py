"""The JSON Schema of definition files, from the structs of `document`."""

from __future__ import annotations

__all__ = ["workflow_schema"]

from typing import Any

from msgspec.json import schema_components

from flowworker.core.ids import DOTTED_NAME, MAX_NAME
from flowworker.definitions.document import ENGINE_KEYS, WorkflowDocument


def workflow_schema() -> dict[str, Any]:
    """The JSON Schema of the document, for editors; `schemas/workflow.v1.json`."""
    _, definitions = schema_components((WorkflowDocument,), ref_template="#/$defs/{name}")
    root = definitions.pop("WorkflowDocument")
    does = [{"required": [key]} for key in ("uses", *ENGINE_KEYS)]
    definitions["StepDocument"]["oneOf"] = does
    name_alone = {"name": {"pattern": f"^{DOTTED_NAME.pattern}$", "maxLength": MAX_NAME}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "flowworker workflow",
        "anyOf": [{"required": ["id"]}, {"required": ["name"], "properties": name_alone}],
        "$defs": definitions,
    }

"""Workflow definitions: from YAML or JSON text to checked workflows, and back to bytes.

loader, composer, scalars   text -> trees that know where everything stands
tree, problems              those trees; what is wrong and where
document                    the keys that users write, and their JSON Schema
section, duration, values   one mapping of a document -> typed values
validate, dependencies      tree -> `core.model.Workflow`
expressions, given          what a document says of values, once all of it is read
schema, input               `input_schema`, and the judgement of inputs by it
content                     workflow <-> canonical JSON, and its hash
parse, registry             what callers use
"""

from __future__ import annotations

__all__ = [
    "InputValidator",
    "Parser",
    "Registry",
    "content_hash",
    "decode",
    "encode",
    "format_duration",
    "load_paths",
    "parse",
    "parse_all",
    "parse_duration",
    "plan_of",
    "workflow_schema",
]

from flowworker.definitions.content import content_hash, decode, encode, plan_of
from flowworker.definitions.document_schema import workflow_schema
from flowworker.definitions.duration import format_duration, parse_duration
from flowworker.definitions.input import InputValidator
from flowworker.definitions.parse import Parser, load_paths, parse, parse_all
from flowworker.definitions.registry import Registry

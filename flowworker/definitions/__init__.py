"""Workflow definitions: from YAML or JSON text to checked workflows, and back to bytes.

loader, composer, scalars   text -> trees that know where everything stands
tree, problems              those trees; what is wrong and where
document                    the keys that users write, and their JSON Schema
section, duration, values   one mapping of a document -> typed values
validate, dependencies      tree -> `core.model.Workflow`
expressions, given          what a document says of values, once all of it is read
schema, input               `input_schema`, and the judgement of inputs by it
content                     workflow <-> canonical JSON, and its hash
parsing, registry           what callers use

Public names are loaded when they are first used: a worker and most commands parse nothing.
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

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.definitions.content import content_hash, decode, encode, plan_of
    from flowworker.definitions.document_schema import workflow_schema
    from flowworker.definitions.duration import format_duration, parse_duration
    from flowworker.definitions.input import InputValidator
    from flowworker.definitions.parsing import Parser, load_paths, parse, parse_all
    from flowworker.definitions.registry import Registry

_HOMES = {
    "content": ("content_hash", "decode", "encode", "plan_of"),
    "document_schema": ("workflow_schema",),
    "duration": ("format_duration", "parse_duration"),
    "input": ("InputValidator",),
    "parsing": ("Parser", "load_paths", "parse", "parse_all"),
    "registry": ("Registry",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value

"""The canonical JSON of a workflow, and the hash of it that runs pin.

Equal workflows have equal bytes: keys are sorted, durations are floats, and what equals its
default is left out, so that a new field with a default changes no hash.
"""

from __future__ import annotations

__all__ = ["HASH", "content_hash", "decode", "encode", "hash_of", "plan_of"]

import re
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from flowworker.core.graph import Plan
from flowworker.core.model import Workflow
from flowworker.definitions.tree import quoted
from flowworker.errors import DefinitionError

_HASH_LENGTH = 32

HASH = re.compile(r"[0-9a-f]{32}")
"""How a content hash looks."""

_UNFIT = (msgspec.MsgspecError, RecursionError, TypeError, ValueError)
"""What msgspec raises on values that do not fit a type, or that JSON cannot express."""


def encode(workflow: Workflow) -> bytes:
    """The canonical JSON of a workflow.

    Raises:
        DefinitionError: the workflow was built by hand, from values of other types than declared.
    """
    try:
        # `timeout=30` built by hand and `timeout: 30s` are one timeout.
        exact = msgspec.convert(msgspec.to_builtins(workflow), Workflow)
        return msgspec.json.encode(_stated(exact), order="sorted")
    except _UNFIT as error:
        name = quoted(str(workflow.name))
        raise DefinitionError([f"workflow {name} cannot be encoded: {error}"]) from error


def decode(content: bytes) -> Workflow:
    """The workflow that `encode` wrote.

    Raises:
        DefinitionError: the bytes are not the JSON of a workflow.
    """
    try:
        return msgspec.json.decode(content, type=Workflow)
    except _UNFIT as error:
        raise DefinitionError([f"stored definition cannot be read: {error}"]) from error


def content_hash(workflow: Workflow) -> str:
    """The identity of a definition: 32 hexadecimal digits."""
    return hash_of(encode(workflow))


def hash_of(content: bytes) -> str:
    """The same of what `encode` wrote, also in a release that knows more keys."""
    return sha256(content).hexdigest()[:_HASH_LENGTH]


def plan_of(workflow: Workflow) -> Plan:
    """The workflow with its hash and its graph, ready to be executed.

    Raises:
        DefinitionError: its steps form no DAG.
    """
    return Plan(workflow, content_hash(workflow))


def _stated(value: Any, usual: Any = None) -> Any:
    """A struct as a mapping of what differs from its defaults, and from what it usually is.

    A saga's policy has other defaults than a policy: both readings must come to the same.
    """
    if isinstance(value, Struct):
        stated = {}
        for field in _fields_of(type(value)):
            item = getattr(value, field.name)
            if item != field.default or item != getattr(usual, field.name, item):
                stated[field.encode_name] = _stated(item, field.default)
        return stated
    if isinstance(value, tuple):
        return [_stated(item, usual) for item in value]
    return value


@cache
def _fields_of(kind: type[Struct]) -> tuple[FieldInfo, ...]:
    return fields(kind)

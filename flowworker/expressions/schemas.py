"""JSON Schema as expressions see it: which fields a value has, and of which type CEL takes it.

Only what a schema says for certain counts. Where it leaves something open, so is the value.
"""

from __future__ import annotations

__all__ = ["OPEN", "Shape", "shape_of"]

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema: TypeAlias = "dict[str, Any]"

_MAX_REFERENCES = 20
"""References to one another that are followed; more may be a circle."""

_UNDECIDED = ("anyOf", "oneOf", "allOf", "if", "not", "$dynamicRef")

_KINDS = {"string": "string", "integer": "int", "boolean": "bool"}


class Shape(Struct, frozen=True):
    """What is known of a value.

    Attributes:
        types: JSON's names of the types that it may have; none if that is open.
        schema: what describes it, without references.
        root: the schema that its references are about.
    """

    types: frozenset[str]
    schema: Schema
    root: Schema

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """The fields of an object, if these are all; None if there may be others.

        A schema that lists properties and does not say that there are more has no more here.
        """
        schema = self.schema
        if "properties" not in schema or "patternProperties" in schema:
            return None
        if schema.get("additionalProperties", False) is not False:
            return None
        fields: dict[str, Any] = schema["properties"]
        return fields

    def field(self, name: str) -> Shape:
        """What is known of a field."""
        properties = self.schema.get("properties", {})
        return shape_of(properties.get(name), self.root) if self.is_only("object") else OPEN

    @property
    def items(self) -> Shape:
        """What is known of the items of a list."""
        return shape_of(self.schema.get("items"), self.root) if self.is_only("array") else OPEN

    def is_only(self, *types: str) -> bool:
        """Whether it is of one of these types, or null."""
        return bool(self.types) and self.types <= {*types, "null"}

    def kind(self, number: str) -> str:
        """CEL's type; `number` is what it takes JSON's numbers for."""
        if len(self.types) != 1:
            return "dyn"
        [name] = self.types
        match name:
            case "number":
                return number
            case "array":
                return f"list<{self.items.kind(number)}>"
            case "object":
                return "map<string, dyn>"
            case _:
                return _KINDS.get(name, "dyn")


OPEN = Shape(frozenset(), {}, {})
"""Nothing is known."""


def shape_of(schema: Any, root: Schema) -> Shape:
    """What a schema says of a value."""
    found, is_nullable = _resolved(schema, root), False
    if isinstance(found, dict):
        found, is_nullable = _without_null(found, root)
    if not isinstance(found, dict) or any(word in found for word in _UNDECIDED):
        return OPEN
    types = found.get("type", "object" if "properties" in found else ())
    names = frozenset([types] if isinstance(types, str) else types)
    return Shape(names | ({"null"} if is_nullable and names else set()), found, root)


def _resolved(schema: Any, root: Schema) -> Any:
    """What a schema refers to within its root."""
    for _ in range(_MAX_REFERENCES):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str):
            return schema
        schema = _referred(reference, root)
    return None


def _referred(reference: str, root: Schema) -> Any:
    if reference != "#" and not reference.startswith("#/"):
        return None
    found: Any = root
    for part in reference.split("/")[1:]:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _without_null(schema: Schema, root: Schema) -> tuple[Any, bool]:
    """The one choice beside null, as `Optional` has it."""
    for word in ("anyOf", "oneOf"):
        choices = [_resolved(choice, root) for choice in schema.get(word, ())]
        others = [choice for choice in choices if choice != {"type": "null"}]
        if len(others) == 1 and len(choices) > 1:
            return others[0], True
    return schema, False

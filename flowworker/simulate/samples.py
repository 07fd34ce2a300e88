"""A value that fits a JSON Schema, drawn; as far as it is simple."""

from __future__ import annotations

__all__ = ["sample"]

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

_DEEPEST = 8
_OFTEN = 0.5


def sample(schema: Any, random: Random, whole: Any = None, depth: int = 0) -> Any:
    """A value; an object for a schema that says nothing.

    Args:
        schema: JSON Schema, or what stands in one.
        random: what to draw from.
        whole: the schema in which its references are looked for; itself if None.
        depth: of the value in the whole one.
    """
    whole = schema if whole is None else whole
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {}
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return random.choice(schema["enum"])
    if "default" in schema and random.random() < _OFTEN:
        return schema["default"]
    if schema.get("examples"):
        return random.choice(schema["examples"])
    if reference := schema.get("$ref"):
        return sample(_referred(reference, whole), random, whole, depth + 1)
    for choices in ("anyOf", "oneOf"):
        if schema.get(choices):
            return sample(random.choice(schema[choices]), random, whole, depth + 1)
    return _of_type(schema, random, whole, depth)


def _referred(reference: str, whole: Any) -> Any:
    found = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found


def _of_type(schema: dict[str, Any], random: Random, whole: Any, depth: int) -> Any:
    kind = schema.get("type", "object")
    kind = random.choice(kind) if isinstance(kind, list) else kind
    match kind:
        case "boolean":
            return random.random() < _OFTEN
        case "integer" | "number":
            least = int(schema.get("minimum", 0))
            return random.randint(least, int(schema.get("maximum", least + 9)))
        case "string":
            return "text".ljust(schema.get("minLength", 0), "t")[: schema.get("maxLength", 99)]
        case "array":
            count = random.randint(schema.get("minItems", 0), schema.get("maxItems", 3))
            items = schema.get("items", {})
            return [sample(items, random, whole, depth + 1) for _ in range(count)]
        case "null":
            return None
        case _:
            return _object(schema, random, whole, depth)


def _object(schema: dict[str, Any], random: Random, whole: Any, depth: int) -> Any:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: sample(inner, random, whole, depth + 1)
        for name, inner in properties.items()
        if name in required or random.random() < _OFTEN
    }

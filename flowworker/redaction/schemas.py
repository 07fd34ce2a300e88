"""`secret: true` in a JSON Schema: of which values it says so.

What may be secret is: of alternatives (`anyOf`, `oneOf`, `if`) all count, whichever holds. What
is not clear is secret: what a reference of another form than `#/...` or `#anchor` leads to, in a
schema that names a secret anywhere.
"""

from __future__ import annotations

__all__ = ["SECRET", "Places", "is_secret_at", "mentions_secret", "misplaced"]

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Schemas: TypeAlias = "tuple[dict[str, Any], ...]"
Path: TypeAlias = "tuple[str | int, ...]"

SECRET = "secret"
"""The keyword."""

_REFERENCES = ("$ref", "$dynamicRef")
_BESIDE_ONE = ("if", "then", "else")
_BESIDE_LISTS = ("allOf", "anyOf", "oneOf")
_BESIDE_MAPS = ("dependentSchemas",)
_ITEMS = ("items", "contains", "unevaluatedItems")
_FIELDS = ("additionalProperties", "unevaluatedProperties")
_IDLE = ("not", "propertyNames", "contentSchema")
"""Keywords below which a secret means nothing: what is there is no value that is shown."""
_MAPS = ("properties", "patternProperties", "$defs", "definitions", *_BESIDE_MAPS)
_ONES = (*_BESIDE_ONE, *_ITEMS, *_FIELDS, *_IDLE)
_LISTS = (*_BESIDE_LISTS, "prefixItems")

_UNKNOWN: dict[str, Any] = {SECRET: True}


def mentions_secret(schema: Any) -> bool:
    """Whether a schema may say of any value that it is secret."""
    return any(part.get(SECRET) is True for _, part, _ in _subschemas(schema))


def misplaced(schema: Any) -> Iterator[tuple[Path, str]]:
    """Where `secret` means nothing in a schema, and why."""
    for path, part, idle in _subschemas(schema):
        if SECRET not in part:
            continue
        if not isinstance(part[SECRET], bool):
            yield path, "expected true or false"
        elif part[SECRET] and idle:
            yield path, f"it means nothing below {idle!r}, which describes no value that is shown"


class Places:
    """The schemas that hold for the parts of one value."""

    def __init__(self, root: Any) -> None:
        """Follow a schema; None for nothing secret."""
        self._root = root if mentions_secret(root) else None
        self._known: dict[tuple[int, ...], Schemas] = {}
        self.top = () if self._root is None else self._all([self._root])

    def field(self, schemas: Schemas, name: str) -> Schemas:
        """Those of a field of a value for which `schemas` hold.

        Patterns count for all fields that are not listed: to match them may take long.
        """
        found: list[Any] = []
        for schema in schemas:
            listed = schema.get("properties", {})
            if name in listed:
                found.append(listed[name])
                continue
            found.extend(schema.get("patternProperties", {}).values())
            found.extend(schema[word] for word in _FIELDS if word in schema)
        return self._all(found)

    def item(self, schemas: Schemas, index: int) -> Schemas:
        """Those of an item."""
        found: list[Any] = []
        for schema in schemas:
            first = schema.get("prefixItems", ())
            found.extend(first[index : index + 1])
            is_rest = index >= len(first)
            found.extend(schema[word] for word in _ITEMS if word in schema and is_rest)
            if "contains" in schema and not is_rest:
                found.append(schema["contains"])
        return self._all(found)

    def _all(self, schemas: Iterable[Any]) -> Schemas:
        """The schemas and all that hold beside them, each once."""
        pending = [schema for schema in schemas if isinstance(schema, dict)]
        key = tuple(map(id, pending))
        if (known := self._known.get(key)) is not None:
            return known
        seen: dict[int, dict[str, Any]] = {}
        while pending:
            part = pending.pop()
            if id(part) not in seen:
                seen[id(part)] = part
                pending.extend(one for one in self._beside(part) if isinstance(one, dict))
        found = self._known[key] = tuple(seen.values())
        return found

    def _beside(self, part: dict[str, Any]) -> Iterator[Any]:
        for word in _REFERENCES:
            if word in part:
                yield self._referred(part[word])
        if "$id" in part and part is not self._root:
            yield _UNKNOWN  # its references are about itself
        for word in _BESIDE_ONE:
            yield part.get(word)
        for word in _BESIDE_LISTS:
            yield from part.get(word, ())
        for word in _BESIDE_MAPS:
            yield from part.get(word, {}).values()

    def _referred(self, reference: str) -> Any:
        start, *way = reference.split("/")
        if start != "#" and not way and reference.startswith("#"):
            return self._anchored(reference[1:])
        found = self._root if start == "#" else _UNKNOWN
        for key in way:
            name = key.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(name, _UNKNOWN)
            elif isinstance(found, list | tuple) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return _UNKNOWN
        return found

    def _anchored(self, name: str) -> Any:
        for _, part, _ in _subschemas(self._root):
            if name in {part.get("$anchor"), part.get("$dynamicAnchor")}:
                return part
        return _UNKNOWN


def is_secret_at(schema: Any, path: Path) -> bool:
    """Whether a schema says that what stands at a path, or something around it, is secret."""
    places = Places(schema)
    found = places.top
    for part in path:
        if any(each.get(SECRET) is True for each in found):
            return True
        found = places.item(found, part) if isinstance(part, int) else places.field(found, part)
    return any(each.get(SECRET) is True for each in found)


def _subschemas(schema: Any) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """All schemas in a schema: path, schema, and the keyword that makes it describe no value."""
    pending: list[tuple[Path, Any, str]] = [((), schema, "")]
    while pending:
        path, part, idle = pending.pop()
        if not isinstance(part, dict):
            continue
        yield path, part, idle
        ones = [word for word in _ONES if word in part]
        pending.extend(((*path, one), part[one], one if one in _IDLE else idle) for one in ones)
        for word in _LISTS:
            listed = enumerate(part.get(word, ()))
            pending.extend(((*path, word, index), one, idle) for index, one in listed)
        for word in _MAPS:
            named = part.get(word, {}).items()
            pending.extend(((*path, word, name), one, idle) for name, one in named)

"""The defaults of an input's JSON Schema: what a start leaves out is filled in by them.

They are those of properties, at any depth: in objects that are there, in the items of lists, and in
what a default has filled in. What only one of several alternatives says (`anyOf`, `oneOf`, `if`) is
no default, for which of them holds is not known before.
"""

from __future__ import annotations

__all__ = ["filled", "has_defaults"]

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 10_000
"""Values that are filled into one input."""

_MISSING: Any = object()


def has_defaults(schema: Any) -> bool:
    """Whether there may be a default anywhere in a schema."""
    pending = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "default" in value:
                return True
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
    return False


def filled(schema: Any, value: Any) -> Any:
    """The value with the defaults of what it leaves out; itself if it leaves nothing out.

    The value is not changed. Equal values, and what they are filled to, are filled to the same.

    Raises:
        InvalidInput: there would be no end to it, or too much of it.
    """
    try:
        return _Filler(schema).fill(schema, value, frozenset())
    except RecursionError:
        raise InvalidInput("input cannot be filled in: nested too deeply") from None


class _Filler:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST

    def fill(self, schema: Any, value: Any, within: frozenset[int]) -> Any:
        """`within` are the schemas of defaults that it is part of: none is filled into itself."""
        for part in self._parts(schema):
            if isinstance(value, dict):
                value = self._object(part, value, within)
            elif isinstance(value, list):
                value = self._list(part, value, within)
        return value

    def _object(self, schema: Any, value: dict[str, Any], within: frozenset[int]) -> dict[str, Any]:
        found = dict(value)
        properties = schema.get("properties", {})
        for name, inner in properties.items():
            inside = within
            if name not in found:
                default = self._default(inner)
                if default is _MISSING or id(inner) in within:
                    continue
                self._left -= 1
                if self._left < 0:
                    raise InvalidInput(f"input_schema has more than {_MOST:,} defaults for this")
                found[name] = deepcopy(default)
                inside = within | {id(inner)}
            found[name] = self.fill(inner, found[name], inside)
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            for name in found.keys() - properties.keys():
                found[name] = self.fill(others, found[name], within)
        changed = len(found) > len(value) or any(found[key] is not value[key] for key in value)
        return found if changed else value

    def _list(self, schema: Any, value: list[Any], within: frozenset[int]) -> list[Any]:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        found = [
            self.fill(first[place] if place < len(first) else rest, item, within)
            for place, item in enumerate(value)
        ]
        same = all(new is old for new, old in zip(found, value, strict=True))
        return value if same else found

    def _default(self, schema: Any) -> Any:
        stated = (part["default"] for part in self._parts(schema) if "default" in part)
        return next(stated, _MISSING)

    def _parts(self, schema: Any) -> Iterator[dict[str, Any]]:
        """A schema and all that must hold beside it, each once."""
        pending, seen = [schema], set()
        while pending:
            part = pending.pop(0)
            if isinstance(part, dict) and id(part) not in seen:
                seen.add(id(part))
                yield part
                if "$ref" in part:
                    pending.append(self._referred(part["$ref"]))
                pending.extend(part.get("allOf", ()))

    def _referred(self, reference: str) -> Any:
        """What a reference within the schema leads to; nothing if it has another form."""
        found = self._root
        start, *way = reference.split("/")
        if start != "#":
            return None
        for key in way:
            name = key.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(name)
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return None
        return found

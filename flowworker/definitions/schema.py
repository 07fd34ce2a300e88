"""Judges a workflow's `input_schema`: is it JSON Schema, Draft 2020-12, and complete in itself?

References are resolved within the schema; nothing is ever fetched.
"""

from __future__ import annotations

__all__ = ["DEFEATED", "MAX_SCHEMA_VALUES", "SchemaProblem", "schema_problems", "shortened"]

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, UnknownDialect

from flowworker.definitions.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import ValidationError

Path: TypeAlias = tuple[str | int, ...]

MAX_SCHEMA_VALUES = 5_000
"""Values in one schema; to check that many takes about a second."""

DEFEATED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    UnknownDialect,
    Unresolvable,
    ValueError,
)
"""What the libraries raise, beside their verdicts, on what they were not made for: numbers of
absurd size, endless references and nesting, references to what is no schema."""

_LONGEST_MESSAGE = 300
_REFERENCES = ("$ref", "$dynamicRef")


class SchemaProblem(NamedTuple):
    """What is wrong with a schema, and the path from its root to there."""

    path: Path
    message: str


def schema_problems(schema: Any) -> list[SchemaProblem]:
    """Everything that keeps a JSON value from being a schema whose references are its own."""
    values = list(islice(_values(schema), MAX_SCHEMA_VALUES + 1))
    if len(values) > MAX_SCHEMA_VALUES:
        return [SchemaProblem((), f"more than {MAX_SCHEMA_VALUES:,} values in one schema")]
    try:
        if invalid := list(dict.fromkeys(_invalid_keywords(schema))):
            return invalid
        paths = {id(value): path for path, value in values}
        return [
            SchemaProblem(paths[id(part)], f"{keyword} {quoted(part[keyword])} {fault}")
            for part, keyword, fault in _broken_references(schema)
        ]
    except DEFEATED as error:
        return [SchemaProblem((), f"cannot be checked: {shortened(str(error))}")]


def shortened(message: str) -> str:
    """A library's message on one line of bearable length."""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."


def _values(schema: Any) -> Iterator[tuple[Path, Any]]:
    """Every value in a JSON value, itself included, with its path."""
    pending: list[tuple[Path, Any]] = [((), schema)]
    while pending:
        path, value = pending.pop()
        yield path, value
        if isinstance(value, dict):
            pending.extend(((*path, key), item) for key, item in value.items())
        elif isinstance(value, list | tuple):
            pending.extend(((*path, index), item) for index, item in enumerate(value))


def _invalid_keywords(schema: Any) -> Iterator[SchemaProblem]:
    validator = Draft202012Validator(
        Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    for error in validator.iter_errors(schema):
        detail: ValidationError = best_match([error]) or error
        # "not valid under any of the given schemas" is what a misspelled type gets.
        detail = detail.context[0] if detail.context else detail
        yield SchemaProblem(tuple(detail.absolute_path), shortened(detail.message))


def _broken_references(schema: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """The subschema, the keyword and the fault of each reference that leads to no schema."""
    root = DRAFT202012.create_resource(schema)
    uri = root.id() or ""
    parts = [(schema, Registry[Any]().with_resource(uri, root).crawl().resolver(uri))]
    references: list[tuple[dict[str, Any], str, Any]] = []
    seen: set[int] = set()
    while parts or references:
        if parts:
            part, resolver = parts.pop()
            if id(part) in seen or isinstance(part, bool):
                continue
            seen.add(id(part))
            references += [(part, key, resolver) for key in _REFERENCES if key in part]
            parts += [
                (child, resolver.in_subresource(DRAFT202012.create_resource(child)))
                for child in DRAFT202012.subresources_of(part)
            ]
            continue
        part, keyword, resolver = references.pop()
        try:
            target = resolver.lookup(part[keyword])
        except DEFEATED:
            yield part, keyword, "leads out of the schema or nowhere, and nothing is fetched"
            continue
        if id(target.contents) not in seen and any(_invalid_keywords(target.contents)):
            yield part, keyword, "leads to something that is no schema"
        else:
            parts.append((target.contents, target.resolver))

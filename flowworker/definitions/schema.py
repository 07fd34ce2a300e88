"""Checks a workflow's `input_schema`: is it JSON Schema, Draft 2020-12, and complete in itself?

References are resolved within the schema; nothing is ever fetched.
"""

from __future__ import annotations

__all__ = [
    "MAX_SCHEMA_VALUES",
    "SchemaProblem",
    "compiled",
    "schema_problems",
    "secret_problems",
    "shortened",
    "violation",
]

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from jsonschema_rs import (
    Draft202012Validator,
    FancyRegexOptions,
    ReferencingError,
    Registry,
    ValidationError,
    ValidationErrorKind,
)
from msgspec.json import encode

from flowworker.definitions.tree import quoted
from flowworker.redaction import MARK, SECRET, mentions_secret, misplaced

if TYPE_CHECKING:
    from collections.abc import Iterator

Path: TypeAlias = tuple[str | int, ...]

MAX_SCHEMA_VALUES = 5_000
"""Values in one schema."""

_LONGEST_MESSAGE = 300
_REFERENCES = ("$ref", "$dynamicRef")
_BASE = "json-schema:///"
_PATTERNS = FancyRegexOptions(
    backtrack_limit=10_000, size_limit=4 * 1024 * 1024, dfa_size_limit=2 * 1024 * 1024
)
"""Regular expressions take time in proportion to the text. Those with look-around or references
back cannot, and are given up after so many steps."""

_META = Draft202012Validator(
    {"$ref": "https://json-schema.org/draft/2020-12/schema"}, validate_formats=True, offline=True
)


class SchemaProblem(NamedTuple):
    """What is wrong with a schema, and the path from its root to there."""

    path: Path
    message: str


def compiled(schema: Any) -> Draft202012Validator:
    """The validator of a schema that has no problems.

    If any of the values that it describes is secret, what it says of values has none of them.
    """
    mask = MARK if mentions_secret(schema) else None
    return Draft202012Validator(schema, pattern_options=_PATTERNS, offline=True, mask=mask)


def schema_problems(schema: Any) -> list[SchemaProblem]:
    """Everything that keeps a JSON value from being a schema whose references are its own."""
    values = list(islice(_values(schema), MAX_SCHEMA_VALUES + 1))
    if len(values) > MAX_SCHEMA_VALUES:
        return [SchemaProblem((), f"more than {MAX_SCHEMA_VALUES:,} values in one schema")]
    try:
        if invalid := [_invalid(error) for error in _META.iter_errors(schema)]:
            places = {problem.path[:-1] for problem in invalid}
            broken = (one for one in _broken_references(schema) if one.path not in places)
            return list(dict.fromkeys([*invalid, *broken]))
        compiled(schema)
    except ValidationError as error:
        if isinstance(error.kind, ValidationErrorKind.Referencing):
            return _broken_references(schema) or [_invalid(error)]
        return [_invalid(error)]
    except ValueError as error:  # nested too deeply, numbers of absurd size
        return [SchemaProblem((), f"cannot be checked: {shortened(str(error))}")]
    return []


def secret_problems(schema: Any, *, of_input: bool) -> list[SchemaProblem]:
    """Where `secret` means nothing in a schema without other problems.

    Those of earlier releases, which knew no such keyword, may have it anywhere.
    """
    found = [SchemaProblem((*path, SECRET), message) for path, message in misplaced(schema)]
    if not of_input and not found and mentions_secret(schema):
        found = [SchemaProblem((), "'secret' means nothing here: only an 'input_schema' has it")]
    return found


def shortened(message: str) -> str:
    """A message on one line of bearable length."""
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


def violation(error: ValidationError) -> str:
    """What is wrong with a value, in one line."""
    if MARK in error.message:
        return shortened(error.message)
    if isinstance(error.kind, ValidationErrorKind.Enum):  # the library names two of them
        found, options = (encode(value).decode() for value in (error.instance, error.kind.options))
        return f"{shortened(found)} is not one of {shortened(options[1:-1].replace(',', ', '))}"
    return shortened(error.message)


def _invalid(error: ValidationError) -> SchemaProblem:
    match error.kind:
        case ValidationErrorKind.AnyOf(context=[[first, *_], *_]):
            message = violation(first)  # what a misspelled type gets
        case ValidationErrorKind.PropertyNames(error=first):
            message = violation(first)
        case _:
            message = violation(error)
    return SchemaProblem(tuple(error.instance_path), message)


def _broken_references(schema: Any) -> list[SchemaProblem]:
    """The references that lead to nothing, for a schema that is known to have such."""
    try:
        resolver = Registry([(_BASE, _without_references(schema))]).resolver(_BASE)
    except ValueError:  # a base URI that is none
        return []
    problems = []
    for path, part in _values(schema):
        for keyword in _REFERENCES:
            reference = part.get(keyword) if isinstance(part, dict) else None
            if not isinstance(reference, str):
                continue
            try:
                resolver.lookup(reference)
            except (ReferencingError, ValueError):
                fault = "leads out of the schema or nowhere, and nothing is fetched"
                problems.append(SchemaProblem(path, f"{keyword} {quoted(reference)} {fault}"))
    return problems


def _without_references(value: Any) -> Any:
    """A registry follows those that it finds, and refuses what leads nowhere."""
    if isinstance(value, dict):
        kept = ((key, part) for key, part in value.items() if key not in _REFERENCES)
        return {key: _without_references(part) for key, part in kept}
    if isinstance(value, list | tuple):
        return [_without_references(part) for part in value]
    return value

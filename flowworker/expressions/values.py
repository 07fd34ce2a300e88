"""JSON values in, JSON values out.

The library copies what it is given, so it is given only what an expression names. It knows 64-bit
numbers, and cuts texts at a NUL character: what it cannot hold is refused, and not changed.
"""

from __future__ import annotations

__all__ = ["Unusable", "Wanted", "given", "plain", "wanted"]

import math
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

from flowworker.expressions.bounds import MAX_DEPTH, MAX_RESULT, MAX_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowworker.expressions.references import Reference

Wanted: TypeAlias = "dict[str, Wanted] | None"
"""What of a value is named: all of it (None), or these keys. `{}` asks only whether it is there."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class Unusable(ValueError):
    """A value that the library cannot hold, or that JSON cannot."""


def wanted(found: Iterable[Reference]) -> dict[str, Wanted]:
    """What references name, by roots. Lists are wanted as a whole."""
    roots: dict[str, Wanted] = {}
    for reference in found:
        keys = [key for key in takewhile(_is_key, reference.path) if isinstance(key, str)]
        is_whole = not reference.is_test or len(keys) < len(reference.path)
        _want(roots, keys, is_whole=is_whole)
    return roots


def _is_key(part: str | int) -> bool:
    return isinstance(part, str)


def _want(inner: dict[str, Wanted], keys: list[str], *, is_whole: bool) -> None:
    *way, last = keys
    for key in way:
        below = inner.setdefault(key, {})
        if below is None:
            return
        inner = below
    if is_whole:
        inner[last] = None
    else:
        inner.setdefault(last, {})


def given(values: Mapping[str, Any], needed: Mapping[str, Wanted]) -> dict[str, Any]:
    """Of these values what is needed, fit for the library.

    Raises:
        Unusable: something that is needed is not fit for it.
    """
    budget = _Budget(MAX_VALUES)
    return {
        root: _part(values[root], below, root, budget)
        for root, below in needed.items()
        if root in values
    }


class _Budget:
    """Counts down: a unit for each value, and one for each character of a text."""

    def __init__(self, units: int) -> None:
        self.left = units

    def spend(self, units: int, name: str) -> None:
        self.left -= units
        if self.left < 0:
            raise Unusable(f"{name} is too large")


def _part(value: Any, needed: Wanted, name: str, budget: _Budget) -> Any:
    if needed is None:
        _check(value, name, budget)
        return value
    if isinstance(value, dict):
        return {
            key: _part(value[key], below, f"{name}.{key}", budget)
            for key, below in needed.items()
            if key in value
        }
    if not needed:
        return True
    _check(value, name, budget)
    return value


def _check(value: Any, name: str, budget: _Budget, depth: int = 0) -> None:
    budget.spend(1, name)
    match value:
        case bool() | float() | None:
            pass
        case str():
            _check_text(value, name, budget)
        case int():
            if not _SMALLEST <= value <= _LARGEST:
                raise Unusable(f"{name} is a whole number beyond 64 bits")
        case _ if depth >= MAX_DEPTH:
            raise Unusable(f"{name} is nested too deeply: more than {MAX_DEPTH} levels")
        case list():
            for index, item in enumerate(value):
                _check(item, f"{name}[{index}]", budget, depth + 1)
        case dict():
            for key, item in value.items():
                _check_text(key, name, budget)
                _check(item, f"{name}.{key}", budget, depth + 1)
        case _:
            raise Unusable(f"{name} is no JSON value, but of type {type(value).__name__}")


def _check_text(text: str, name: str, budget: _Budget) -> None:
    budget.spend(len(text), name)
    if "\0" in text:
        raise Unusable(f"{name} is a text with a NUL character")


def plain(value: Any) -> Any:
    """A result as a JSON value. Moments and durations become texts.

    Raises:
        Unusable: JSON has no such value, or it is too large.
    """
    return _plain(value, _Budget(MAX_RESULT))


def _plain(value: Any, budget: _Budget) -> Any:
    budget.spend(1, "the result")
    match value:
        case bool() | int() | None:
            return value
        case str():
            budget.spend(len(value), "the result")
            return value
        case float() if math.isfinite(value):
            return value
        case float():
            raise Unusable(f"JSON has no number {value}")
        case list():
            return [_plain(item, budget) for item in value]
        case dict():
            return {_key(key, budget): _plain(item, budget) for key, item in value.items()}
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return f"{value.total_seconds():g}s"
        case _:
            raise Unusable(f"JSON has no {_KINDS.get(type(value).__name__, 'types')}")


_KINDS = {"bytearray": "bytes"}


def _key(key: Any, budget: _Budget) -> str:
    if not isinstance(key, str):
        raise Unusable(f"a JSON object has texts as keys, found {key}")
    budget.spend(len(key), "the result")
    return key

"""What an expression comes to, as a JSON value."""

from __future__ import annotations

__all__ = ["plain", "written"]

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.expressions.bounds import MAX_DEPTH
from flowworker.expressions.failure import Failure
from flowworker.expressions.functions import text_of
from flowworker.expressions.operators import Type

if TYPE_CHECKING:
    from flowworker.expressions.bounds import Work


_AS_THEY_ARE = frozenset({bool, int, type(None)})


def plain(value: Any, work: Work, depth: int = 0) -> Any:
    """A result as a JSON value. Moments and durations become texts.

    Raises:
        Failure: JSON has no such value, or it is too large.
    """
    if type(value) in _AS_THEY_ARE:
        work.spend()
        return value
    work.spend(2)
    match value:
        case str():
            work.make(len(value))
            return value
        case float() if math.isfinite(value):
            return value
        case float():
            raise Failure(f"JSON has no number {value}")
        case datetime() | timedelta():
            return text_of(value, work)
        case Type(name):
            raise Failure(f"a type is no JSON value, found {name}")
        case _ if depth == MAX_DEPTH:
            raise Failure(f"the result is nested too deeply: more than {MAX_DEPTH} levels")
        case list():
            return [plain(item, work, depth + 1) for item in value]
        case _:
            return {key: plain(item, work, depth + 1) for key, item in value.items()}


def written(value: Any) -> str:
    """A JSON value within a text: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

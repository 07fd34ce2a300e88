"""The names that expressions may use, and which of them was probably meant."""

from __future__ import annotations

__all__ = ["FUNCTIONS", "ROOTS", "RUN_FIELDS", "STEP_FIELDS", "meant"]

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

ROOTS = ("input", "steps", "run")
"""What every expression may begin with."""

STEP_FIELDS = ("output", "status", "error", "iterations")
RUN_FIELDS = ("id", "workflow", "version", "started_at", "labels", "status", "error")

FUNCTIONS = (
    *("all", "exists", "exists_one", "filter", "has", "map"),
    *("bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"),
    *("contains", "endsWith", "matches", "size", "startsWith"),
    *("charAt", "format", "indexOf", "join", "lastIndexOf", "lowerAscii", "replace", "reverse"),
    *("split", "substring", "trim", "upperAscii", "strings.quote"),
    *("math.abs", "math.ceil", "math.floor", "math.greatest", "math.isFinite", "math.isInf"),
    *("math.isNaN", "math.least", "math.round", "math.sign", "math.sqrt", "math.trunc"),
    *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours"),
    *("getMilliseconds", "getMinutes", "getMonth", "getSeconds"),
)
"""What CEL and its extensions for texts and numbers offer."""


def meant(word: str, known: Collection[str]) -> str:
    """The question whether the most similar known word was meant, or an empty text."""
    matches = get_close_matches(word[:200], known, n=1)
    return f"did you mean {matches[0]!r}?" if matches else ""

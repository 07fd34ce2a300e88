"""The text of a filter: conditions with blanks between them, all of which have to hold.

filter     = [ condition { blank condition } ]
condition  = field operator value { "," value }
operator   = "=" | "!="                   of texts: one of the values, or none
| "<" | "<=" | ">" | ">="      of times: one value
value      = what has no blank, comma or quote, or '"' anything '"'
"""

from __future__ import annotations

__all__ = ["FIELDS", "parse_filter"]

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NoReturn

from flowworker.core.ids import DOTTED_NAME, MAX_NAME
from flowworker.core.labels import LABEL_KEY
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput
from flowworker.filters.filter import (
    CHOICES,
    COMPARISONS,
    LABEL,
    ORDERED,
    PAUSED,
    TEXTS,
    WAITING,
    Condition,
    Filter,
    Operator,
)
from flowworker.filters.moments import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS: Final = (*TEXTS, *ORDERED, f"{LABEL}KEY")
"""As an error lists them."""

_BLANK = re.compile(r"\s*")
_FIELD = re.compile(r"[^\s=!<>,\"]+")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
_VALUE = re.compile(r"\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s,\"]+)")
_HASH = re.compile(r"[0-9a-f]{1,64}")
_EXAMPLE = "such as `state=failed workflow=orders started>2026-11-01`"
_TIMES = "`2026-11-01`, `2026-11-01T08:00Z`, or `-2h` for two hours ago"


def parse_filter(text: str, now: float) -> Filter:
    """The filter that a text says; an empty one means all runs.

    Args:
        text: as people write it.
        now: what times such as `-2h` are counted back from, epoch seconds.

    Raises:
        InvalidInput: says at which column what was expected.
    """
    return Filter(tuple(_Reader(text, now).conditions()))


class _Reader:
    """Reads a text from left to right."""

    def __init__(self, text: str, now: float) -> None:
        self._text = text
        self._now = now
        self._at = 0

    def conditions(self) -> Iterator[Condition]:
        """All of them."""
        self._next(_BLANK)
        while self._at < len(self._text):
            yield self._condition()
            end = self._at
            if not self._next(_BLANK) and end < len(self._text):
                self._refuse(end, "expected a blank between two conditions")

    def _condition(self) -> Condition:
        start = self._at
        field = self._next(_FIELD) or self._refuse(start, f"expected a condition, {_EXAMPLE}")
        self._check_field(field, start)
        at = self._at
        found = self._next(_OPERATOR)
        operators = COMPARISONS if field in ORDERED else CHOICES
        if found not in operators:
            expected = ", ".join(operators)
            self._refuse(at, f"expected one of the operators {expected} after {field!r}")
        start = self._at
        values = tuple(self._values(field))
        moment = 0.0
        if field in ORDERED:
            time = parse_time(values[0], self._now) if len(values) == 1 else None
            moment = self._refuse(start, f"expected a time: {_TIMES}") if time is None else time
        return Condition(field, Operator(found), () if field in ORDERED else values, moment)

    def _values(self, field: str) -> Iterator[str]:
        while True:
            start = self._at
            found = _VALUE.match(self._text, start)
            if found is None:
                quote = self._text[start : start + 1] == '"'
                self._refuse(start, "this quote has no end" if quote else "expected a value")
            self._at = found.end()
            yield self._checked(field, found["bare"] or found["quoted"] or "", start)
            if self._text[self._at : self._at + 1] != ",":
                return
            self._at += 1

    def _checked(self, field: str, value: str, at: int) -> str:
        choices = {"state": tuple(RunStatus), "waiting": tuple(WAITING), "paused": PAUSED}
        known = choices.get(field)
        if known is None:
            self._check_form(field, value, at)
            return value
        found = value.upper() if field == "state" else value
        if found not in known:
            names = ", ".join(name.lower() for name in known)
            self._refuse(at, f"expected one of {names}, found {value!r:.80}")
        return found

    def _check_form(self, field: str, value: str, at: int) -> None:
        """Refuse what no run could have: the index would look for something else, or at all."""
        if field == "workflow" and not (DOTTED_NAME.fullmatch(value) and len(value) <= MAX_NAME):
            self._refuse(at, f"expected the name of a workflow, found {value!r:.80}")
        if field == "hash" and not _HASH.fullmatch(value):
            self._refuse(
                at, f"expected how a content hash begins, such as 12ab, found {value!r:.80}"
            )

    def _check_field(self, field: str, at: int) -> None:
        if field in TEXTS or field in ORDERED:
            return
        if field.startswith(LABEL):
            if LABEL_KEY.fullmatch(field.removeprefix(LABEL)) is None:
                self._refuse(at, f"expected a label as in `{LABEL}team`, found {field!r:.80}")
            return
        near = get_close_matches(field, FIELDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        self._refuse(at, f"there is no {field!r:.80}, expected one of {', '.join(FIELDS)}{hint}")

    def _next(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _refuse(self, at: int, problem: str) -> NoReturn:
        raise InvalidInput(f"filter, column {at + 1}: {problem}")

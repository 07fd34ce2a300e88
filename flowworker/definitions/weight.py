"""How much work a JSON Schema may make, estimated from above.

Times the length of an input, the number of a schema's values bounds the problems that there can be,
unless the schema refers to itself; and its weight bounds the steps that a verdict takes, in which
such a schema judges each value once. Each value counts as often as a reference leads to it.
"""

from __future__ import annotations

__all__ = ["BOUNDLESS", "Weight", "weigh"]

import re
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BOUNDLESS = 1 << 60

_LOOK_AROUND = 5_000
"""What a regular expression weighs that may go back in the text, per character."""
_GOES_BACK = re.compile(r"\(\?<?[=!]|\\[1-9k]")
_REPEATED = re.compile(r"\{(\d{1,9})?(?:,(\d{1,9})?)?\}")


class Weight(NamedTuple):
    """What a schema weighs.

    Attributes:
        total: its values, and the states of its regular expressions.
        values: these alone.
        recursive: it refers to itself.
    """

    total: int
    values: int
    recursive: bool


def weigh(schema: Mapping[str, Any]) -> Weight:
    """The weight of a valid schema."""
    whole, values = _Scale(schema, _patterns), _Scale(schema, lambda _: 0)
    try:
        return Weight(whole.of(schema), values.of(schema), values.recursive)
    except (RecursionError, LookupError, ValueError):  # a reference by a base URI, among others
        return Weight(BOUNDLESS, BOUNDLESS, recursive=False)


class _Scale:
    def __init__(self, root: Mapping[str, Any], extra: Callable[[Any], int]) -> None:
        self.recursive = False
        self._root = root
        self._extra = extra
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def of(self, part: Any) -> int:
        """The weight of a value and of all that it contains and refers to."""
        if not isinstance(part, dict | list):
            return 1
        key = id(part)
        if key in self._open:
            self.recursive = True
            return 1
        if key not in self._known:
            self._open.add(key)
            self._known[key] = 1 + sum(map(self.of, self._parts(part))) + self._extra(part)
            self._open.discard(key)
        return self._known[key]

    def _parts(self, part: dict[str, Any] | list[Any]) -> Iterator[Any]:
        if isinstance(part, list):
            yield from part
            return
        yield from part.values()
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(reference := part.get(keyword), str):
                yield self._target(reference)

    def _target(self, reference: str) -> Any:
        """What a pointer within the document leads to; LookupError or ValueError for others."""
        if reference == "#":
            return self._root
        start, *tokens = reference.split("/")
        if start != "#":
            raise LookupError(reference)
        value: Any = self._root
        for token in tokens:
            name = token.replace("~1", "/").replace("~0", "~")
            value = value[int(name)] if isinstance(value, list) else value[name]
        return value


def _patterns(part: dict[str, Any] | list[Any]) -> int:
    if isinstance(part, list):
        return 0
    several = part.get("patternProperties")
    patterns = [part.get("pattern"), *(several if isinstance(several, dict) else ())]
    return sum(_pattern(pattern) for pattern in patterns if isinstance(pattern, str))


def _pattern(pattern: str) -> int:
    """As heavy as its states: a repetition that is counted is written out, also within others."""
    counts = [int(most or least or 1) or 1 for least, most in _REPEATED.findall(pattern)]
    states = len(pattern) * prod(counts)
    return 1 + states // 8 + (_LOOK_AROUND if _GOES_BACK.search(pattern) else 0)

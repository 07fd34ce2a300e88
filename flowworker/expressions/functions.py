"""CEL's functions: the plain ones here, all others by the library."""

from __future__ import annotations

__all__ = ["called", "text_of"]

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flowworker.expressions.failure import Failure
from flowworker.expressions.library import call
from flowworker.expressions.operators import Type, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowworker.expressions.bounds import Work

_BY_LIBRARY = 50
"""Units of work for the way to the library and back."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

_MATCHED = 10
"""Characters that a pattern of usual weight matches in a unit."""

_USUAL_PATTERN = 20
_HEAVY_CLASS = 300
"""What a class of letters of all scripts weighs: `\\p{L}`."""

_ATOM = re.compile(r"(\\[pP])|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|.", re.DOTALL)


def called(function: str, arguments: Sequence[Any], *, is_method: bool, work: Work) -> Any:
    """The value of a function for these arguments.

    Raises:
        Failure: it has none.
    """
    if own := _OWN.get(function):
        return own(work, *arguments)
    work.spend(_BY_LIBRARY)
    if function == "matches":
        _weigh_match(arguments, work)
    handed = [_handed(argument, work) for argument in arguments]
    return call(function, handed, is_method=is_method)


def _handed(value: Any, work: Work, *, is_inner: bool = False) -> Any:
    """What the library copies, counted. It cuts texts, and has other words for large numbers."""
    work.spend()
    match value:
        case str():
            work.make(len(value))
            if "\0" in value:
                raise Failure("a text with a NUL character is no argument")
            return value
        case int() if not _SMALLEST <= value <= _LARGEST:
            raise Failure("the whole number is too large for 64 bits")
        case list():
            return [_handed(item, work, is_inner=True) for item in value]
        case dict():
            return {
                _handed(key, work): _handed(item, work, is_inner=True)
                for key, item in value.items()
            }
        case datetime() | timedelta() if is_inner:  # which it takes only as arguments
            return text_of(value, work)
        case Type(name):
            return name
        case _:
            return value


def _weigh_match(arguments: Sequence[Any], work: Work) -> None:
    """A pattern takes a time in proportion to its own weight and to the text."""
    text, pattern = (each if isinstance(each, str) else "" for each in arguments)
    weight = _weight_of(pattern)
    work.spend(weight + len(text) * (1 + weight // _USUAL_PATTERN) // _MATCHED)


def _weight_of(pattern: str) -> int:
    """How large the library makes a pattern, about: `(ab){30}` weighs 60."""
    groups, last = [0], 0
    for atom in _ATOM.finditer(pattern):
        if atom[0] == "(":
            groups.append(0)
            continue
        if atom[0] == ")" and len(groups) > 1:
            last = groups.pop()
        elif atom[2]:
            last *= max(int(atom[2]), int(atom[3] or 0)) - 1
        else:
            last = _HEAVY_CLASS if atom[1] else 1
        groups[-1] += last
    return sum(groups)


def _size(_: Work, value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise refused("size", value)
    return len(value)


def _of_texts(name: str, compute: Callable[[str, str], bool]) -> Callable[[Work, Any, Any], bool]:
    def computed(work: Work, text: Any, part: Any) -> bool:
        if not isinstance(text, str) or not isinstance(part, str):
            raise refused(name, text, part)
        work.read(text)
        return compute(text, part)

    return computed


def _replace(work: Work, text: Any, old: Any, new: Any, limit: Any = -1) -> str:
    if not all(isinstance(each, str) for each in (text, old, new)) or not isinstance(limit, int):
        raise refused("replace", text, old, new)
    work.make(len(text))
    found = text.count(old)
    times = found if limit < 0 else min(found, limit)
    work.make(len(text) + times * len(new))
    return str(text.replace(old, new, times))


def _join(work: Work, items: Any, between: Any = "") -> str:
    if not isinstance(items, list) or not isinstance(between, str):
        raise refused("join", items, between)
    for item in items:
        if not isinstance(item, str):
            raise refused("join", items, item)
        work.make(len(item) + len(between))
    return between.join(items)


def _split(work: Work, text: Any, between: Any, limit: Any = -1) -> list[str]:
    if not isinstance(text, str) or not isinstance(between, str) or not isinstance(limit, int):
        raise refused("split", text, between)
    work.read(text)
    most = text.count(between) + 1 if limit < 0 else limit
    work.spend(min(most, len(text)))
    if most == 0:
        return []
    if between or not text:
        return text.split(between or None, most - 1) or [""]
    parts = list(text[: most - 1])
    return [*parts, text[most - 1 :]] if text[most - 1 :] else parts


def _index_of(work: Work, text: Any, part: Any, start: Any = 0) -> int:
    return _found(work, "indexOf", text, part, start).find(part, start)


def _last_index_of(work: Work, text: Any, part: Any, *start: Any) -> int:
    found = _found(work, "lastIndexOf", text, part, *start)
    return found.rfind(part, 0, *(each + len(part) for each in start))


def _found(work: Work, name: str, text: Any, part: Any, start: Any = 0) -> str:
    if not isinstance(text, str) or not isinstance(part, str) or not isinstance(start, int):
        raise refused(name, text, part)
    if not 0 <= start <= len(text):
        raise Failure(f"{name}: a text of {len(text)} characters has no position {start}")
    work.read(text)
    return text


def text_of(value: Any, work: Work) -> str:
    """CEL's `string(value)`: `true`, `1.5`, `2026-01-01T00:00:00Z`, `5400s`."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | datetime() | timedelta():
            work.spend(_BY_LIBRARY)
            return str(call("string", [value], is_method=False))
        case _:
            raise refused("string", value)


_OWN: Mapping[str, Callable[..., Any]] = {
    "size": _size,
    "contains": _of_texts("contains", lambda text, part: part in text),
    "startsWith": _of_texts("startsWith", str.startswith),
    "endsWith": _of_texts("endsWith", str.endswith),
    "replace": _replace,
    "join": _join,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "split": _split,
    "string": lambda work, value: text_of(value, work),
}

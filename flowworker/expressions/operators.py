"""What CEL's operators do with values: JSON's, moments and durations.

Whole numbers and those with a fraction can be mixed, which plain CEL refuses: JSON does not tell
`10` from `10.0`. What has a bool in it is no number, other than in Python.
"""

from __future__ import annotations

__all__ = ["BINARY", "TYPES", "UNARY", "Type", "is_equal", "kind_of", "refused", "truth"]

import math
import operator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.expressions.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.expressions.bounds import Work

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class Type(Struct, frozen=True):
    """What `type(x)` is, and the word `int`."""

    name: str


_KINDS = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    list: "list",
    dict: "map",
    type(None): "null_type",
    datetime: "google.protobuf.Timestamp",
    timedelta: "google.protobuf.Duration",
    Type: "type",
}


TYPES = frozenset(_KINDS.values())
"""The words for types."""


def kind_of(value: Any) -> str:
    """CEL's name of a value's type."""
    return _KINDS.get(type(value), type(value).__name__)


def refused(sign: str, *values: Any) -> Failure:
    """An operator or function has no meaning for these values."""
    kinds = ", ".join(kind_of(value) for value in values)
    return Failure(f"{sign!r} does not take ({kinds})".replace("null_type", "null"))


def truth(value: Any, sign: str) -> bool:
    """A value where true or false is expected."""
    if not isinstance(value, bool):
        raise refused(sign, value)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_equal(one: Any, other: Any, work: Work) -> bool:
    """Whether two values are the same; those of different types are not, but for numbers."""
    work.spend(2)
    if isinstance(one, str) and isinstance(other, str):
        work.read(one)
        return one == other
    if type(one) is type(other) and isinstance(one, _PLAIN):
        return bool(one == other)
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return False
        return all(is_equal(a, b, work) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return False
        return all(is_equal(one[key], other[key], work) for key in one)
    return _is_number(one) and _is_number(other) and bool(one == other)


_PLAIN = (bool, int, float, type(None), datetime, timedelta, Type)


def _add(one: Any, other: Any, work: Work) -> Any:
    match one, other:
        case str(), str():
            work.make(len(one) + len(other))
        case list(), list():
            work.spend(len(one) + len(other))
        case (datetime(), timedelta()) | (timedelta(), datetime() | timedelta()):
            pass
        case _:
            return _reckon("+", operator.add, one, other)
    return _moment(operator.add, one, other)


def _subtract(one: Any, other: Any, _: Work) -> Any:
    match one, other:
        case (datetime(), datetime() | timedelta()) | (timedelta(), timedelta()):
            return _moment(operator.sub, one, other)
        case _:
            return _reckon("-", operator.sub, one, other)


def _moment(compute: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    try:
        return compute(one, other)
    except OverflowError:
        raise Failure("there is no such moment") from None


def _multiply(one: Any, other: Any, _: Work) -> Any:
    return _reckon("*", operator.mul, one, other)


def _divide(one: Any, other: Any, _: Work) -> Any:
    if isinstance(one, float) or isinstance(other, float):
        return _reckon("/", _quotient, one, other)
    return _reckon("/", lambda a, b: _whole(a, b, "divide")[0], one, other)


def _remainder(one: Any, other: Any, _: Work) -> Any:
    if isinstance(one, float) or isinstance(other, float):
        raise refused("%", one, other)
    return _reckon("%", lambda a, b: _whole(a, b, "modulus")[1], one, other)


def _reckon(sign: str, compute: Callable[[Any, Any], Any], one: Any, other: Any) -> int | float:
    if not _is_number(one) or not _is_number(other):
        raise refused(sign, one, other)
    try:
        result: int | float = compute(one, other)
    except OverflowError:
        raise Failure("the number is too large") from None
    return within(result)


def within(result: int | float) -> int | float:
    """A number that was computed: whole ones have 64 bits."""
    if isinstance(result, int) and not _SMALLEST <= result <= _LARGEST:
        raise Failure("the whole number is too large for 64 bits")
    return result


def _whole(one: int, other: int, what: str) -> tuple[int, int]:
    """Quotient and remainder; towards zero, as in CEL and unlike in Python."""
    if other == 0:
        raise Failure(f"{what} by zero")
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    within(quotient)
    return quotient, one - quotient * other


def _quotient(one: float, other: float) -> float:
    if other:
        return one / other
    if one == 0 or math.isnan(one):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1.0, other)


def _ordered(sign: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Work], bool]:
    def compared(one: Any, other: Any, work: Work) -> bool:
        both = _is_number(one) and _is_number(other)
        if not both and not (type(one) is type(other) and isinstance(one, _ORDERED)):
            raise refused(sign, one, other)
        if isinstance(one, str):
            work.read(one)
        return compare(one, other)

    return compared


_ORDERED = (bool, str, datetime, timedelta)


def _is_in(one: Any, other: Any, work: Work) -> bool:
    match other:
        case list():
            return any(is_equal(one, each, work) for each in other)
        case dict() if isinstance(one, str | int | float):
            return isinstance(one, str) and one in other
        case _:
            raise refused("in", one, other)


def _at_index(holder: Any, index: Any, _: Work) -> Any:
    """`holder[index]`."""
    match holder:
        case list() if _is_number(index) and float(index).is_integer():
            if not 0 <= index < len(holder):
                raise Failure(f"a list of {len(holder)} items has none at {index}")
            return holder[int(index)]
        case dict() if isinstance(index, str):
            if index not in holder:
                raise Failure(f"there is no {index!r:.80}")
            return holder[index]
        case _:
            raise refused("[ ]", holder, index)


def _negative(value: Any, _: Work) -> Any:
    if not _is_number(value):
        raise refused("-", value)
    return within(-value)


BINARY: Mapping[str, Callable[[Any, Any, Work], Any]] = {
    "_+_": _add,
    "_-_": _subtract,
    "_*_": _multiply,
    "_/_": _divide,
    "_%_": _remainder,
    "_==_": is_equal,
    "_!=_": lambda one, other, work: not is_equal(one, other, work),
    "_<_": _ordered("<", operator.lt),
    "_<=_": _ordered("<=", operator.le),
    "_>_": _ordered(">", operator.gt),
    "_>=_": _ordered(">=", operator.ge),
    "@in": _is_in,
    "_[_]": _at_index,
}

UNARY: Mapping[str, Callable[[Any, Work], Any]] = {
    "!_": lambda value, _: not truth(value, "!"),
    "-_": _negative,
    "dyn": lambda value, _: value,
    "type": lambda value, _: Type(kind_of(value)),
}

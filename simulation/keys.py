"""Keys of limits and the like: expressions, and what they come to by the number of the order."""

from __future__ import annotations

__all__ = ["KEYED", "key_of"]

from typing import TYPE_CHECKING, Any

from flowworker.codec.json import encode_sorted

if TYPE_CHECKING:
    from collections.abc import Callable

_KNOWN = "has(input.order) && type(input.order) == int"

KEYED: dict[str, Callable[[int | None], object]] = {
    "": lambda _: None,
    f"{_KNOWN} ? input.order : -1": lambda order: -1 if order is None else order,
    f"{_KNOWN} && input.order % 2 == 0": lambda order: order is not None and order % 2 == 0,
}
"""Expressions, and what each comes to; None if the input has no order, or none that is a number."""


def key_of(expression: str, given: Any) -> str:
    """What that one comes to for an input, as JSON."""
    order = given.get("order") if isinstance(given, dict) else None
    known = isinstance(order, int) and not isinstance(order, bool)
    return encode_sorted(KEYED[expression](order if known else None)).decode()

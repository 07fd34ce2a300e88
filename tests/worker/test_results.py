"""What a handler returns becomes JSON, or is refused."""

from __future__ import annotations

import decimal
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from flowworker.errors import ConversionError
from flowworker.handlers.handler import Handler
from flowworker.handlers.signature import result_schema
from tests.worker.shapes import Colour, Item, Order, Parcel


async def context_alone(ctx): ...


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        (7, b"7"),
        ([1, "x"], b'[1,"x"]'),
        ({"a": 1}, b'{"a":1}'),
        (Order(7), b'{"order_id":7,"note":""}'),
        (Item("x"), b'{"sku":"x"}'),
        (Parcel(2.0), b'{"weight":2.0}'),
        (Colour.RED, b'"red"'),
        (datetime(2024, 1, 1, tzinfo=UTC), b'"2024-01-01T00:00:00Z"'),
        (decimal.Decimal("1.50"), b'"1.50"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (b"x", b'"eA=="'),
        ({1}, b"[1]"),
    ],
)
def test_results_become_json(value, expected):
    assert Handler("h", context_alone).encode_output(value) == expected


def circle():
    itself: list[Any] = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize("value", [object(), circle(), chr(0xD800), {(1, 2): 3}, 1j], ids=type)
def test_a_result_that_is_not_json_is_refused(value):
    with pytest.raises(ConversionError, match=r"h: the result, a .*, is not JSON: "):
        Handler("h", context_alone).encode_output(value)


@dataclass
class _Priced:
    total: float


class _Unknown:
    total: float


def test_the_schema_of_a_result_is_what_its_annotation_tells():
    async def typed(ctx) -> list[_Priced]:
        return []

    async def untyped(ctx): ...

    async def anything(ctx) -> Any: ...

    async def unknown(ctx) -> dict[str, _Unknown]:
        return {}

    async def both(ctx) -> _Priced | _Unknown:
        return _Priced(1.0)

    async def later(ctx): ...

    later.__annotations__["return"] = "DefinedNowhere"

    price = result_schema("h", typed)
    assert price is not None
    assert price["items"] == {"$ref": "#/$defs/_Priced"}
    assert price["$defs"]["_Priced"]["properties"] == {"total": {"type": "number"}}
    assert result_schema("h", anything) == {}
    assert [result_schema("h", each) for each in (untyped, unknown, both, later)] == [None] * 4

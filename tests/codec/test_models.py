"""pydantic models are JSON like all else that has fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, field_serializer

from flowworker.codec.json import decode_value
from flowworker.codec.models import from_json, is_model
from flowworker.codec.values import encode_value


class Line(BaseModel):
    sku: str
    count: Annotated[int, Field(ge=1)] = 1


class Order(BaseModel):
    order_id: int = Field(alias="orderId")
    lines: list[Line] = []


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    at: datetime
    places: tuple[int, int]


class Tags(RootModel[list[str]]): ...


class Price(BaseModel):
    amount: float


@dataclass
class Basket:
    orders: list[Order]
    note: Line | None = None


def lookup(_):
    raise KeyError("no such rate")


class Faulty(BaseModel):
    rate: Annotated[int, AfterValidator(lookup)] = 1

    @field_serializer("rate")
    def no_way(self, rate):
        raise LookupError("no way")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Order(orderId=7, lines=[Line(sku="x")]), Order),
        ([Line(sku="x"), Line(sku="y")], list[Line]),
        (Basket([Order(orderId=7)], Line(sku="x", count=2)), Basket),
        ({"a": Tags(["x"])}, dict[str, Tags]),
        (Strict(at=datetime(2024, 1, 1, tzinfo=UTC), places=(1, 2)), Strict),
        (None, Line | None),
        ({"a": 1}, object),
    ],
)
def test_a_model_is_read_as_it_was_reported(value, kind):
    assert from_json(_plain(encode_value(value)), kind) == value


def _plain(raw):
    return decode_value("value", raw)


def test_what_msgspec_knows_stays_as_it_is():
    assert encode_value(Order(orderId=7)) == b'{"orderId":7,"lines":[]}'
    assert [kind for kind in (Line, Tags, Basket, dict, Line(sku="x")) if is_model(kind)] == [
        Line,
        Tags,
    ]


@pytest.mark.parametrize(
    ("value", "kind", "reported"),
    [
        (
            {"orderId": "x"},
            Order,
            "Input should be a valid integer, unable to parse string as an integer"
            " - at `$.orderId`",
        ),
        (
            {"orders": [{"orderId": 1}, {"orderId": 1, "lines": [{"sku": "x"}, {"count": 0}]}]},
            Basket,
            "Field required - at `$.orders[1].lines[1].sku`; "
            "Input should be greater than or equal to 1 - at `$.orders[1].lines[1].count`",
        ),
        (
            list(range(7)),
            Tags,
            "; ".join(f"Input should be a valid string - at `$[{n}]`" for n in range(5))
            + "; and 2 more",
        ),
        (7, Line, "Input should be an object"),
        ({"orders": 7}, Basket, "Expected `array`, got `int` - at `$.orders`"),
        ({"rate": 7}, Faulty, "KeyError: 'no such rate'"),
    ],
)
def test_what_does_not_fit_is_reported_with_its_place(value, kind, reported):
    with pytest.raises(ValueError, match=r"\S") as caught:
        from_json(value, kind)

    assert str(caught.value) == reported


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        ([Price(amount=1.0), Price(amount=math.nan)], r"^\[1\].amount: JSON has no nan"),
        (Faulty.model_construct(rate=1), "^Faulty: Error calling function `no_way`: LookupError"),
    ],
)
def test_a_model_that_is_not_json_is_refused(value, reported):
    with pytest.raises(ValueError, match=reported):
        encode_value(value)


def test_what_is_no_model_is_still_refused():
    with pytest.raises(TypeError, match="Encoding objects of type object is unsupported"):
        encode_value(object())

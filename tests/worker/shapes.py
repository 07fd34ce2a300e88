"""What handlers take and return in tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypedDict

import attrs
import msgspec


class Order(msgspec.Struct):
    order_id: int
    note: str = ""


@dataclass
class Item:
    sku: str


class Address(TypedDict):
    city: str


@attrs.define
class Parcel:
    weight: float


class Colour(Enum):
    RED = "red"


class Tree(msgspec.Struct):
    left: Tree | None = None

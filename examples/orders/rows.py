"""The CSV file of orders: read as it is, right or wrong, for the workflow to judge."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from msgspec import Struct

OUTCOMES = ("completed", "fallback", "compensated", "failed", "rejected")
COLUMNS = ("order_id", "customer_id", "card", "items", "expected")


class BadFile(Exception):
    """The file is not a CSV file of orders."""


class Row(Struct, frozen=True):
    """One line of the file; `expected` is what its author says will become of it."""

    order_id: str
    customer_id: str
    card: str
    items: dict[str, int | str]
    expected: str

    @property
    def run_id(self) -> str:
        """One run per order, however often the order stands in the file."""
        return f"order-{self.order_id}"

    def input(self) -> dict[str, Any]:
        """The input of its run."""
        return {
            "order_id": self.order_id,
            "customer_id": self.customer_id,
            "card": self.card,
            "items": [{"sku": sku, "quantity": n} for sku, n in self.items.items()],
        }


def read_orders(path: Path) -> list[Row]:
    """All rows of a file.

    Raises:
        BadFile: a column is missing, or an expectation is unknown.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := set(COLUMNS) - set(reader.fieldnames or ()):
                raise BadFile(f"{path}: no column {', '.join(sorted(missing))}")
            rows = [_row(path, reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{path}: {error}") from error
    if not rows:
        raise BadFile(f"{path}: no orders")
    return rows


def _row(path: Path, number: int, line: dict[str, str | None]) -> Row:
    cells = {column: (line[column] or "").strip() for column in COLUMNS}
    if cells["expected"] not in OUTCOMES:
        known = ", ".join(OUTCOMES)
        raise BadFile(f"{path}:{number}: expected is {cells['expected']!r}, not one of {known}")
    items = dict(_item(text) for text in cells.pop("items").split())
    return Row(**cells, items=items)


def _item(text: str) -> tuple[str, int | str]:
    """`sku:quantity`; a quantity that is no number stays text, which the schema refuses."""
    sku, _, quantity = text.partition(":")
    try:
        return sku, int(quantity)
    except ValueError:
        return sku, quantity

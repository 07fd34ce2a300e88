"""Compares the ledger and the invoices with the orders, by arithmetic of its own.

It knows nothing of workflows: an order that was fulfilled is paid once, exactly, and its goods are
gone; of any other order nothing is left behind.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from examples.orders.fulfil import Outcome
    from examples.orders.ledger import Entry, Ledger
    from examples.orders.rows import Row

HERE = Path(__file__).parent
CATALOG = json.loads((HERE / "catalog.json").read_bytes())
CUSTOMERS = json.loads((HERE / "customers.json").read_bytes())


def audit(outcomes: Iterable[Outcome], ledger: Ledger, invoices: Path) -> list[str]:
    """Everything that does not add up, one line each."""
    orders = {outcome.row.order_id: outcome for outcome in outcomes}
    entries: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger.entries():
        entries[entry.order_id].append(entry)
    problems = [
        f"{order}: booked, but never ordered" for order in sorted(set(entries) - set(orders))
    ]
    sold: Counter[str] = Counter()
    for order, outcome in orders.items():
        invoice = invoices / f"{order}.json"
        if outcome.outcome in {"completed", "fallback"}:
            problems += _fulfilled(outcome.row, outcome.outcome, entries[order], invoice)
            sold.update({sku: int(quantity) for sku, quantity in outcome.row.items.items()})
        else:
            problems += _undone(order, entries[order], invoice)
    for sku, left in ledger.stock().items():
        if left != CATALOG[sku]["stock"] - sold[sku]:
            problems.append(f"{sku}: {left} are left, {sold[sku]} were sold")
    return problems


def _fulfilled(row: Row, outcome: str, entries: list[Entry], invoice: Path) -> Iterator[str]:
    pieces = sum(int(quantity) for quantity in row.items.values())
    price = sum(CATALOG[sku]["price"] * int(quantity) for sku, quantity in row.items.items())
    due = price * (100 - CUSTOMERS[row.customer_id]["discount"]) // 100
    gateway = "backup" if outcome == "fallback" else "first"
    found = sorted((entry.kind, entry.amount, entry.gateway) for entry in entries)
    if found != (expected := [("charge", due, gateway), ("reserve", pieces, "")]):
        yield f"{row.order_id}: the ledger has {found}, expected {expected}"
    paid = json.loads(invoice.read_bytes())["paid"] if invoice.exists() else None
    if paid != due:
        yield f"{row.order_id}: the invoice says {paid}, expected {due}"


def _undone(order: str, entries: list[Entry], invoice: Path) -> Iterator[str]:
    total: Counter[str] = Counter()
    for entry in entries:
        total[entry.kind] += entry.amount
    if total["charge"] != total["refund"]:
        yield f"{order}: {total['charge']} charged, but {total['refund']} refunded"
    if total["reserve"] != total["release"]:
        yield f"{order}: {total['reserve']} pieces reserved, but {total['release']} released"
    if invoice.exists():
        yield f"{order}: has an invoice"

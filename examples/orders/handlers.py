"""The steps of order.fulfil. Start workers with `--app examples.orders.handlers:app`.

An argument is filled with what the input has under its name: a key of the order, or the output of
an earlier step. The folder comes from ORDERS_DIR. Whatever changes the world outside does so under
`ctx.idempotency_key`, which is the same for all attempts of a step.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from examples.orders import gateway
from examples.orders.ledger import Entry, Ledger
from flowworker import App, NonRetryableError, StepContext

app = App()

HERE = Path(__file__).parent
MOST_PIECES = 100


class Item(Struct):
    sku: str
    quantity: int


class Article(Struct):
    title: str
    price: int  # cents
    stock: int


class Line(Struct):
    sku: str
    title: str
    quantity: int
    price: int


class Quote(Struct):
    lines: list[Line]
    total: int


class Buyer(Struct):
    name: str
    address: str
    discount: int  # per cent


class Invoice(Struct):
    order_id: str
    to: Buyer
    lines: list[Line]
    total: int
    paid: int
    gateway: str


def folder() -> Path:
    return Path(os.environ["ORDERS_DIR"])


def ledger() -> Ledger:
    return Ledger(folder() / "ledger.db")


@app.step("orders.validate")
def validate(ctx: StepContext, items: list[Item]) -> dict[str, int]:
    pieces = sum(item.quantity for item in items)
    if pieces > MOST_PIECES:
        raise NonRetryableError(f"{pieces} pieces; more than {MOST_PIECES} need a contract")
    return {"pieces": pieces}


@app.step("catalog.price")
async def price(ctx: StepContext, items: list[Item]) -> Quote:
    catalog = msgspec.json.decode((HERE / "catalog.json").read_bytes(), type=dict[str, Article])
    if unknown := [item.sku for item in items if item.sku not in catalog]:
        raise NonRetryableError(f"not in the catalog: {', '.join(unknown)}")
    lines = [
        Line(item.sku, catalog[item.sku].title, item.quantity, catalog[item.sku].price)
        for item in items
    ]
    return Quote(lines, sum(line.quantity * line.price for line in lines))


@app.step("customers.look_up")
async def look_up(ctx: StepContext, customer_id: str) -> Buyer:
    customers = msgspec.json.decode((HERE / "customers.json").read_bytes(), type=dict[str, Buyer])
    if customer_id not in customers:
        raise NonRetryableError(f"there is no customer {customer_id}")
    return customers[customer_id]


@app.step("stock.reserve")
def reserve(ctx: StepContext, order_id: str, items: list[Item]) -> Entry:
    wanted: dict[str, int] = {}
    for item in items:
        wanted[item.sku] = wanted.get(item.sku, 0) + item.quantity
    return ledger().reserve(ctx.idempotency_key, order_id, wanted)


@app.step("stock.release")
def release(ctx: StepContext, order_id: str, reserve: Entry) -> Entry:
    return ledger().release(ctx.idempotency_key, order_id, reserve.key)


@app.step("payments.charge")
async def charge(ctx: StepContext, order_id: str, card: str, price: Quote, buyer: Buyer) -> Entry:
    entry = Entry(ctx.idempotency_key, "charge", order_id, due(price, buyer), "first")
    await asyncio.sleep(0.02)  # the way to the gateway and back
    return await asyncio.to_thread(gateway.charge, ledger(), entry, card, ctx.attempt)


@app.step("payments.charge_backup")
def charge_backup(ctx: StepContext, order_id: str, card: str, price: Quote, buyer: Buyer) -> Entry:
    entry = Entry(ctx.idempotency_key, "charge", order_id, due(price, buyer), "backup")
    return gateway.charge_backup(ledger(), entry, card)


@app.step("payments.refund")
def refund(ctx: StepContext, order_id: str, charge: Entry) -> Entry:
    entry = Entry(ctx.idempotency_key, "refund", order_id, charge.amount, charge.gateway)
    return ledger().pay(entry)


@app.step("invoices.write")
def write_invoice(
    ctx: StepContext, order_id: str, price: Quote, buyer: Buyer, charge: Entry
) -> dict[str, str]:
    if not buyer.address:
        raise NonRetryableError(f"no address is known of {buyer.name}")
    invoice = Invoice(order_id, buyer, price.lines, price.total, charge.amount, charge.gateway)
    path = folder() / "invoices" / f"{order_id}.json"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(invoice)))
    unfinished.replace(path)  # a crash leaves the whole file or none
    return {"file": path.name}


@app.step("orders.report")
def report(
    ctx: StepContext, reserve: Entry, charge: Entry, invoice: dict[str, str]
) -> dict[str, str | int]:
    return {
        "pieces": reserve.amount,
        "paid": charge.amount,
        "gateway": charge.gateway,
        "invoice": invoice["file"],
    }


def due(price: Quote, buyer: Buyer) -> int:
    """Cents to pay."""
    return price.total * (100 - buyer.discount) // 100

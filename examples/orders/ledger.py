"""What happened to stock and money, in SQLite: the world that handlers act upon.

Every entry is made under an idempotency key. To ask again under the same key gives the entry
that is there, so an attempt that is repeated, on whichever worker, books nothing twice. An entry
and the stock that it moves change in one transaction.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA = """
CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL CHECK (on_hand >= 0));
CREATE TABLE entries (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,        -- reserve, release, charge, refund
    order_id TEXT NOT NULL,
    amount INTEGER NOT NULL,   -- pieces, or cents
    gateway TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
);
CREATE TABLE moved (key TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL);
"""


class Entry(Struct, frozen=True):
    """One line of the ledger; `amount` is in pieces or cents."""

    key: str
    kind: str
    order_id: str
    amount: int
    gateway: str = ""


class OutOfStock(Exception):
    """There are fewer pieces than were ordered."""


class Ledger:
    """The ledger in a file; any number of processes and threads may use it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self, stock: Mapping[str, int]) -> None:
        """A new one, with that much of each article on the shelves."""
        db = sqlite3.connect(self._path)
        with closing(db), db:
            db.executescript(f"PRAGMA journal_mode = WAL; {SCHEMA}")
            db.executemany("INSERT INTO stock VALUES (?, ?)", stock.items())

    def reserve(self, key: str, order_id: str, items: Mapping[str, int]) -> Entry:
        """Take all of these off the shelves, or none."""
        with self._transaction() as db:
            if found := _find(db, key):
                return found
            for sku, quantity in items.items():
                take = "UPDATE stock SET on_hand = on_hand - ? WHERE sku = ? AND on_hand >= ?"
                if db.execute(take, (quantity, sku, quantity)).rowcount == 0:
                    raise OutOfStock(f"fewer than {quantity} of {sku} are left")
            return _book(db, Entry(key, "reserve", order_id, sum(items.values())), items)

    def release(self, key: str, order_id: str, reserved: str) -> Entry:
        """Put back what was taken under the key `reserved`."""
        with self._transaction() as db:
            if found := _find(db, key):
                return found
            query = "SELECT sku, quantity FROM moved WHERE key = ?"
            items = dict(db.execute(query, (reserved,)).fetchall())
            back = "UPDATE stock SET on_hand = on_hand + ? WHERE sku = ?"
            db.executemany(back, [(quantity, sku) for sku, quantity in items.items()])
            return _book(db, Entry(key, "release", order_id, sum(items.values())), items)

    def pay(self, entry: Entry) -> Entry:
        """Book a charge or a refund, unless that key was booked already."""
        with self._transaction() as db:
            return _find(db, entry.key) or _book(db, entry, {})

    def find(self, key: str) -> Entry | None:
        """What was booked under a key."""
        with self._transaction() as db:
            return _find(db, key)

    def entries(self) -> list[Entry]:
        """Everything that was booked, oldest first."""
        query = "SELECT key, kind, order_id, amount, gateway FROM entries ORDER BY rowid"
        with self._transaction() as db:
            return [Entry(*row) for row in db.execute(query)]

    def stock(self) -> dict[str, int]:
        """What is on the shelves."""
        with self._transaction() as db:
            return dict(db.execute("SELECT sku, on_hand FROM stock").fetchall())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=15.0, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield db
        finally:
            db.close()


def _find(db: sqlite3.Connection, key: str) -> Entry | None:
    query = "SELECT key, kind, order_id, amount, gateway FROM entries WHERE key = ?"
    row = db.execute(query, (key,)).fetchone()
    return None if row is None else Entry(*row)


def _book(db: sqlite3.Connection, entry: Entry, items: Mapping[str, int]) -> Entry:
    db.execute(
        "INSERT INTO entries (key, kind, order_id, amount, gateway) VALUES (?, ?, ?, ?, ?)",
        (entry.key, entry.kind, entry.order_id, entry.amount, entry.gateway),
    )
    db.executemany(
        "INSERT INTO moved VALUES (?, ?, ?)",
        [(entry.key, sku, quantity) for sku, quantity in items.items()],
    )
    return entry

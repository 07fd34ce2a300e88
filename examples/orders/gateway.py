"""A payment gateway as they are: it declines, it is unreachable, its answer gets lost.

What happens depends on the order and the attempt alone, so that every demo run goes the same way.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from examples.orders.ledger import Entry

if TYPE_CHECKING:
    from examples.orders.ledger import Ledger


class CardDeclined(Exception):
    """The bank says no; to ask again would not help."""


class GatewayTimeout(Exception):
    """No answer came; whether the charge was booked is not known."""


def charge(ledger: Ledger, entry: Entry, card: str, attempt: int) -> Entry:
    """Charge a card through the first gateway, once per key."""
    _check(card)
    if card.startswith("diners"):
        raise GatewayTimeout("cards of this network get no answer here")
    luck = hashlib.sha256(f"{entry.order_id}/{attempt}".encode()).digest()[0] % 4
    if luck == 0:
        raise GatewayTimeout("no answer")
    booked = ledger.pay(entry)
    if luck == 1 and attempt == 1:
        raise GatewayTimeout("booked, but the answer got lost")
    return booked


def charge_backup(ledger: Ledger, entry: Entry, card: str) -> Entry:
    """Charge a card through the second gateway: dearer, and always there."""
    _check(card)
    return ledger.pay(entry)


def _check(card: str) -> None:
    if card.startswith("stolen"):
        raise CardDeclined("the card is reported as stolen")

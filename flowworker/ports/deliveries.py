"""Messages as they come in: handed out, acknowledged or put back, as many as were asked for."""

from __future__ import annotations

__all__ = ["Consumer", "Delivery", "OnDelivery"]

from collections.abc import Callable, Mapping
from typing import Protocol


class Delivery(Protocol):
    """One message, handed out once at a time.

    * It comes again (`delivered` > 1) unless it is acknowledged; not before the delay of `nak`, or
      the source's ack wait since the delivery or the last `in_progress`, has passed.
    * Acknowledging twice, or after it was delivered to another consumer, does no harm to state: a
      record's revision is the fence.
    """

    @property
    def subject(self) -> str:
        """What the message is about, without the namespace: `start.order.fulfil`."""
        ...

    @property
    def data(self) -> bytes:
        """The body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, possibly none."""
        ...

    @property
    def sequence(self) -> int:
        """Position in the source; grows in the order of publication."""
        ...

    @property
    def order(self) -> int:
        """Counts the deliveries of this source to all consumers: a gap means others got some."""
        ...

    @property
    def delivered(self) -> int:
        """How often it was handed out, this time included."""
        ...

    @property
    def time(self) -> float:
        """When the source stored it, epoch seconds."""
        ...

    @property
    def behind(self) -> int:
        """How many undelivered messages stood behind it when it was delivered."""
        ...

    async def ack(self) -> None:
        """Done: never deliver it again. Best effort; a lost one leads to a redelivery."""
        ...

    async def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after `delay` seconds, to any consumer."""
        ...

    async def in_progress(self) -> None:
        """Restart the ack wait."""
        ...


OnDelivery = Callable[[Delivery], None]
"""Takes a delivery at once and does its work in a task of its own."""


class Consumer(Protocol):
    """A subscription with credit.

    * Delivers no more messages than were granted in all; the receiver grants one more when ready.
    * Survives a lost connection: what was granted and not delivered is asked for again.
    """

    def grant(self, credit: int) -> None:
        """Be ready for that many more."""
        ...

    async def stop(self) -> None:
        """Ask for no more. Unused credit is void; deliveries that were received stay valid."""
        ...

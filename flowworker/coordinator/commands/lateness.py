"""Messages that another process may have had before, so that they may have made a run already."""

from __future__ import annotations

__all__ = ["LONGEST", "REMEMBERED", "is_late", "look_again"]

from typing import TYPE_CHECKING

from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.uploads import Gone
from flowworker.core.staleness import may_be_unseen
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from flowworker.ports import Delivery

LONGEST = 5.0
"""Seconds that a process may take for something before others do it as well: less than a message
waits for its acknowledgement."""

REMEMBERED = 120.0
"""Seconds after which nobody has a message that was sent before, unless somebody was held up for as
long; and no answer is so old. So long is kept what tells them that it is too late."""


def is_late(delivery: Delivery, now: float) -> bool:
    """Whether others may have had it: it came again, or this process may have been held up."""
    return delivery.delivered > 1 or now - delivery.time > LONGEST


def look_again(refused: Exception, delivery: Delivery, now: float) -> None:
    """Raise Unavailable if this message may have made a run that a stale answer does not show."""
    if isinstance(refused, Conflict):  # there is one, or was a moment ago
        raise Unavailable(f"there is a run that was not found: {refused}") from refused
    repeated = isinstance(refused, Rejected) and is_late(delivery, now)
    if (repeated or isinstance(refused, Gone)) and may_be_unseen(delivery.time, now):
        raise Unavailable(f"rejected unless it was taken in before: {refused}") from refused

"""A standing consumer whose messages are independent: each in a task, acknowledged when done."""

from __future__ import annotations

__all__ = ["Inbox", "NotYet"]

import heapq
from typing import TYPE_CHECKING

from flowworker.errors import (
    CorruptRecord,
    DefinitionError,
    FlowworkerError,
)
from flowworker.tasks import TaskSet
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.ports import Consumer, Delivery, OnDelivery

_LONGEST_DELAY = 4.0
"""Seconds until a message that could not be handled comes again, at most."""
_LONGEST_PAUSE = 16.0
"""The same for one that is too early."""
_LONGEST_QUEUE = 60.0
"""The same if there are many of them."""
_UNTIL_MENDED = 60.0
"""Seconds until a message comes again that is about something which cannot be read."""


class NotYet(Exception):
    """What a message is about may be on its way. It comes again, and nothing is logged."""


class Inbox:
    """Calls `handle` for each message, and acknowledges it.

    A message that `handle` fails on comes again: nothing is lost, and no message can end the loop.
    """

    def __init__(
        self,
        handle: Callable[[Delivery], Awaitable[None]],
        credit: int,
        clock: Clock,
        each: float = 0.0,
    ) -> None:
        """Handle at most `credit` messages at a time.

        One that is too early leaves `each` seconds to each that nobody has seen yet, and to each
        that is too early as well: what comes again goes first, so these could take all the time.
        """
        self._handle = handle
        self._credit = credit
        self._clock = clock
        self._each = each
        self._due: list[float] = []  # when those come again that were too early, as a heap
        self._consumer: Consumer | None = None
        self._tasks = TaskSet()

    async def start(self, consume: Callable[[OnDelivery], Awaitable[Consumer]]) -> None:
        """Begin to consume, unless it has begun."""
        if self._consumer is None:
            self._consumer = await consume(self._on_delivery)
            self._consumer.grant(self._credit)

    async def stop(self) -> None:
        """Consume no more, and finish what has begun."""
        if self._consumer is not None:
            await self._consumer.stop()
        try:
            await self._tasks.wait()
        finally:
            self._tasks.cancel()

    def _on_delivery(self, delivery: Delivery) -> None:
        self._tasks.spawn(self._take(delivery))

    async def _take(self, delivery: Delivery) -> None:
        try:
            await self._handle(delivery)
        except (CorruptRecord, DefinitionError) as error:
            # Only a person can mend that: it is logged now and then, and nothing is lost.
            get_logger().error("message waits", subject=delivery.subject, error=str(error))
            await delivery.nak(_UNTIL_MENDED)
        except NotYet:
            await delivery.nak(self._pause(delivery))
        except FlowworkerError as error:
            get_logger().warning(
                "message will be tried again", subject=delivery.subject, error=str(error)
            )
            await delivery.nak(_delay(delivery))
        except Exception:  # noqa: BLE001 - a defect must not end the loop nor lose the message
            get_logger().exception("message will be tried again", subject=delivery.subject)
            await delivery.nak(_delay(delivery))
        else:
            await delivery.ack()
        finally:
            if self._consumer is not None:
                self._consumer.grant(1)

    def _pause(self, delivery: Delivery) -> float:
        """As `_delay`, but four times as many: senders of nonsense must not keep us busy."""
        now = self._clock.monotonic()
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
        queue = min(self._each * (delivery.behind + len(self._due)), _LONGEST_QUEUE)
        pause = max(min(4.0 ** min(delivery.delivered, 9) / 32, _LONGEST_PAUSE), queue)
        heapq.heappush(self._due, now + pause)
        return pause


def _delay(delivery: Delivery) -> float:
    """Seconds: an eighth, then twice as many each time."""
    return min(2.0 ** (delivery.delivered - 4), _LONGEST_DELAY)

"""Which deliveries a worker asks for, and in which order it takes those in hand.

Every queue has three lanes. A lane is granted as much credit as there are free slots; what comes in
beyond that, since several lanes may use theirs at once, waits in hand, highest priority first.
While something waits, only the high lanes get credit. They keep a little of it at all times, also
when every slot is taken, so that a step of high priority is in hand when the next slot is free.

Outstanding credit of all lanes together stays within three times the slots, so no more than twice
the slots, and the high lanes' little, can ever wait in hand.
"""

from __future__ import annotations

__all__ = ["Lanes"]

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from flowworker.core.status import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Gauge

    from flowworker.ports import Consumer, Delivery, StepQueue
    from flowworker.worker.heartbeat import Heartbeats, HeldDelivery

_ORDER = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}


@dataclass(slots=True, eq=False)
class _Lane:
    priority: Priority
    consumer: Consumer | None = None
    outstanding: int = 0
    waiting: int = 0


class Lanes:
    """The lanes of a worker's queues, and what waits in hand.

    Args of the constructor:
        slots: handlers that may run at a time.
        start: takes a delivery into a free slot.
        refuse: takes a delivery that came after `close`.
    """

    def __init__(
        self,
        slots: int,
        heartbeats: Heartbeats,
        in_hand: Gauge,
        start: Callable[[Delivery], None],
        refuse: Callable[[Delivery], None],
    ) -> None:
        """Start without lanes."""
        self._slots = slots
        self._standing = max(1, slots // 8)
        self._free = slots
        self._heartbeats = heartbeats
        self._gauge = in_hand
        self._start = start
        self._refuse = refuse
        self._lanes: list[_Lane] = []
        self._arrivals = count()
        self._waiting: list[tuple[int, int, Delivery, HeldDelivery, _Lane]] = []
        self._open = True

    async def open(self, steps: StepQueue, queues: tuple[str, ...]) -> None:
        """Consume all lanes of these queues."""
        lanes = [(queue, _Lane(priority)) for queue in queues for priority in Priority]
        for queue, lane in lanes:
            lane.consumer = await steps.consume(queue, lane.priority, self._taker(lane))
            self._lanes.append(lane)
        self._grant()

    async def close(self) -> None:
        """Take no more, and refuse what waits in hand."""
        self._open = False
        for lane in self._lanes:
            if lane.consumer is not None:
                await lane.consumer.stop()
        while self._waiting:
            self._refuse(self._next())

    def free(self) -> None:
        """A slot is free again."""
        self._free += 1
        if self._waiting and self._open:
            self._take(self._next())
        self._grant()

    def _taker(self, lane: _Lane) -> Callable[[Delivery], None]:
        def take(delivery: Delivery) -> None:
            lane.outstanding -= 1
            if not self._open:
                self._refuse(delivery)
            elif self._free > 0:
                self._take(delivery)
                self._grant()
            else:
                self._wait(lane, delivery)
                self._grant()

        return take

    def _wait(self, lane: _Lane, delivery: Delivery) -> None:
        kept = self._heartbeats.keep(delivery)
        entry = (_ORDER[lane.priority], next(self._arrivals), delivery, kept, lane)
        heapq.heappush(self._waiting, entry)
        lane.waiting += 1
        self._gauge.inc()

    def _next(self) -> Delivery:
        _, _, delivery, kept, lane = heapq.heappop(self._waiting)
        self._heartbeats.drop(kept)
        lane.waiting -= 1
        self._gauge.dec()
        return delivery

    def _take(self, delivery: Delivery) -> None:
        self._free -= 1
        self._start(delivery)

    def _grant(self) -> None:
        if not self._open:
            return
        share = max(1, 3 * self._slots // max(1, len(self._lanes)))
        ready = 0 if self._waiting else min(self._free, share)
        for lane in self._lanes:
            wanted = ready
            if lane.priority is Priority.HIGH:
                wanted = max(ready, self._standing - lane.waiting)
            # Few grants of many, not many of one: each may be a message to the server.
            if lane.consumer is not None and lane.outstanding * 2 <= wanted > lane.outstanding:
                credit = wanted - lane.outstanding
                lane.outstanding = wanted
                lane.consumer.grant(credit)
